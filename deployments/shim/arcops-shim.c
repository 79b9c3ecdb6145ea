/* A server of MCP that speaks over its standard input and output, behind a Unix socket.
 *
 *     arcops-shim --socket PATH [--most N] [--grace SECONDS] [--linger SECONDS] [--drain SECONDS] [--once] -- COMMAND [ARGUMENT...]
 *     arcops-shim --install PATH
 *
 * Each connection gets a process of its own, begun for it: bytes go from the connection to its input and from its output to the
 * connection, unread and unchanged, with a half-close on either side. There is no shell. What the process writes to its standard
 * error is this program's standard error, so it is in the container's log.
 *
 * An end of the connection's input is the end of the process's input. A process that does not end then is told (SIGTERM), and
 * killed with all of its group if it does not listen; each after --grace seconds. What a process leaves behind is killed with it.
 *
 * SIGTERM and SIGINT: it serves on for --linger seconds, because the one who connects may be ending calls of its own, and ends as
 * soon as no connection is open; after --drain seconds it ends them. A second signal ends them at once. SIGHUP, SIGUSR1 and
 * SIGUSR2 are passed on. It ends with 0; with --once it takes one connection, and ends as its process did (128 and the number of
 * a signal). A command that cannot be run ends it with 127 (not found) or 126, so that the container is seen to fail.
 *
 * --install copies this program to PATH: an image without a shell has no other way to give it to another container.
 *
 * It is built static (deployments/shim/README.md), allocates nothing, and holds a bounded number of bytes for each connection.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64, ROOM = 65536, NOTHING = -1, USAGE = 64, NOT_RUN = 126, NOT_FOUND = 127 };

struct way { /* bytes on their way in one direction, and its two ends; NOTHING is a closed one */
    int from, to;
    size_t begin, end;
    char held[ROOM];
};

struct one { /* one connection and its process; `child` is 0 for a free place, and `reaped` once it ended */
    pid_t child;
    int socket;
    bool reaped;
    int told; /* how often it was told to end */
    double until; /* when it is told to end next, 0 for never */
    struct way in, out;
};

static struct one all[MOST];
static char *const *command;
static const char *at;
static double grace = 2, linger = 5, drain = 25;
static int most = 16, listening = NOTHING, answer = 0;
static bool once, taken, ending, hurry;
static double ends_at;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const char *what, const char *about) {
    fprintf(stderr, "arcops-shim: %s%s%s\n", what, about ? ": " : "", about ? about : "");
}

static void shut(int *fd) {
    if (*fd != NOTHING) close(*fd);
    *fd = NOTHING;
}

static int ended_as(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

/* Runs in the new process, and does not return. */
static void become(int in, int out, int failed) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid(); /* a group of its own, to be ended with all that it starts */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0) _exit(NOT_RUN);
    execvp(command[0], command);
    int why = errno;
    if (write(failed, &why, sizeof why) < 0) _exit(NOT_RUN);
    _exit(NOT_RUN);
}

/* Begins the command for `socket`. It exits if the command cannot be run at all. */
static void begin(struct one *free, int socket) {
    int in[2] = {NOTHING, NOTHING}, out[2] = {NOTHING, NOTHING}, failed[2] = {NOTHING, NOTHING}, why = 0;
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(failed, O_CLOEXEC)) goto none;
    pid_t child = fork();
    if (child < 0) goto none;
    if (child == 0) become(in[0], out[1], failed[1]);
    shut(&in[0]);
    shut(&out[1]);
    shut(&failed[1]);
    if (read(failed[0], &why, sizeof why) == (ssize_t)sizeof why) {
        say(command[0], strerror(why));
        exit(why == ENOENT ? NOT_FOUND : NOT_RUN);
    }
    shut(&failed[0]);
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    *free = (struct one){.child = child, .socket = socket};
    free->in = (struct way){.from = socket, .to = in[1]};
    free->out = (struct way){.from = out[0], .to = socket};
    taken = true;
    return;
none:
    say("a process for a connection could not be begun", strerror(errno));
    for (int n = 0; n < 2; n++) shut(&in[n]), shut(&out[n]), shut(&failed[n]);
    close(socket);
}

static void come(void) {
    int socket = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;
    if (!(once && taken))
        for (int n = 0; n < most; n++)
            if (!all[n].child) {
                begin(&all[n], socket);
                return;
            }
    if (!(once && taken)) say("so many connections are open that this one is closed", NULL);
    close(socket);
}

static void tell(struct one *it) { /* end it, more strongly each time */
    if (!it->reaped) kill(-it->child, it->told ? SIGKILL : SIGTERM);
    it->told++;
    it->until = now() + grace;
}

/* The end of what `it` is told: from now on it has a while to end by itself. */
static void no_more_input(struct one *it) {
    shut(&it->in.to);
    it->in.from = NOTHING;
    it->in.begin = it->in.end = 0;
    if (!it->until) it->until = now() + grace;
}

/* No one hears `it` any more. */
static void no_more_output(struct one *it) {
    shut(&it->out.from);
    it->out.begin = it->out.end = 0;
    it->out.to = NOTHING;
}

/* Moves what can be moved without waiting. False: this way is at its end, and all of it was delivered, or cannot be. */
static bool move(struct way *w) {
    for (;;) {
        if (w->begin == w->end && w->from != NOTHING) {
            ssize_t got = read(w->from, w->held, ROOM);
            if (got < 0) {
                if (errno == EINTR) continue;
                if (errno == EAGAIN) return true;
                return false;
            }
            if (got == 0) return false;
            w->begin = 0;
            w->end = (size_t)got;
        }
        if (w->begin == w->end) return false;
        ssize_t put = write(w->to, w->held + w->begin, w->end - w->begin);
        if (put < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return true;
            w->begin = w->end = 0;
            return false;
        }
        w->begin += (size_t)put;
    }
}

static void reap(void) {
    int status;
    pid_t gone;
    while ((gone = waitpid(-1, &status, WNOHANG)) > 0)
        for (int n = 0; n < most; n++) {
            struct one *it = &all[n];
            if (it->child != gone || it->reaped) continue;
            it->reaped = true;
            kill(-gone, SIGKILL); /* what it started is not of use to anyone, and would hold its output open */
            if (once) answer = ended_as(status);
            if (!it->told && status) {
                char said[64];
                snprintf(said, sizeof said, "%s %d", WIFSIGNALED(status) ? "signal" : "exit code",
                         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
                say("the server ended by itself", said);
            }
            no_more_input(it);
            it->until = now() + grace; /* for what it wrote before */
        }
}

static void settle(struct one *it) { /* after anything happened to `it` */
    if (it->out.from == NOTHING && it->out.begin == it->out.end && it->reaped) {
        shut(&it->socket);
        shut(&it->in.to);
        it->child = 0;
    }
}

static void pass_on(int number) {
    for (int n = 0; n < most; n++)
        if (all[n].child && !all[n].reaped) kill(-all[n].child, number);
}

static void signalled(int from) {
    struct signalfd_siginfo found;
    while (read(from, &found, sizeof found) == (ssize_t)sizeof found) {
        int number = (int)found.ssi_signo;
        if (number == SIGCHLD) {
            reap();
        } else if (number == SIGTERM || number == SIGINT) {
            hurry = ending;
            ending = true;
            ends_at = now() + drain;
            if (!hurry) linger += now();
        } else {
            pass_on(number);
        }
    }
}

static void late(void) { /* what is due by the clock */
    double t = now();
    for (int n = 0; n < most; n++) {
        struct one *it = &all[n];
        if (!it->child) continue;
        if (ending && (hurry || t >= ends_at) && !it->told) no_more_input(it), tell(it);
        if (it->until && t >= it->until) {
            if (it->reaped)
                no_more_output(it);
            else
                tell(it);
        }
        settle(it);
    }
}

static int open_connections(void) {
    int count = 0;
    for (int n = 0; n < most; n++) count += all[n].child != 0;
    return count;
}

static bool over(void) {
    if (open_connections()) return false;
    return (once && taken) || (ending && (hurry || now() >= linger));
}

static int wait_for(void) { /* milliseconds */
    double next = 0, t = now();
    for (int n = 0; n < most; n++)
        if (all[n].child && all[n].until && (!next || all[n].until < next)) next = all[n].until;
    if (ending) {
        double mine = open_connections() ? ends_at : linger;
        if (!next || mine < next) next = mine;
    }
    if (!next) return -1;
    return next <= t ? 0 : (int)((next - t) * 1000) + 1;
}

static void serve(int signals) {
    struct pollfd polled[2 + 3 * MOST];
    while (!over()) {
        int count = 0;
        polled[count++] = (struct pollfd){.fd = signals, .events = POLLIN};
        polled[count++] = (struct pollfd){.fd = listening, .events = POLLIN};
        for (int n = 0; n < most; n++) {
            struct one *it = &all[n];
            if (!it->child) continue;
            bool holds_in = it->in.begin != it->in.end, holds_out = it->out.begin != it->out.end;
            short of_socket = (short)((it->in.from != NOTHING && !holds_in ? POLLIN : 0) | (holds_out ? POLLOUT : 0));
            /* What is not waited for is not polled: a broken end would be told again and again. */
            polled[count++] = (struct pollfd){.fd = of_socket ? it->socket : NOTHING, .events = of_socket};
            polled[count++] = (struct pollfd){.fd = holds_in ? it->in.to : NOTHING, .events = POLLOUT};
            polled[count++] = (struct pollfd){.fd = holds_out ? NOTHING : it->out.from, .events = POLLIN};
        }
        if (poll(polled, (nfds_t)count, wait_for()) < 0 && errno != EINTR) {
            say("poll", strerror(errno));
            exit(1);
        }
        if (polled[0].revents) signalled(signals);
        for (int n = 0; n < most; n++) {
            struct one *it = &all[n];
            if (!it->child) continue;
            /* Those that were reaped just now are looked at, too: what they wrote before is read to its end. */
            if (it->in.to != NOTHING && !move(&it->in)) no_more_input(it);
            if (it->out.from != NOTHING && !move(&it->out)) {
                no_more_output(it);
                shutdown(it->socket, SHUT_WR);
            }
            settle(it);
        }
        if (polled[1].revents & POLLIN) come();
        late();
    }
}

static int install(const char *path) {
    char new[PATH_MAX], held[ROOM];
    if (snprintf(new, sizeof new, "%s.new", path) >= (int)sizeof new) return say("the path is too long", path), 1;
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ssize_t got = 0;
    if (from >= 0 && to >= 0)
        while ((got = read(from, held, sizeof held)) > 0)
            if (write(to, held, (size_t)got) != got) break;
    if (from < 0 || to < 0 || got || fchmod(to, 0755) || close(to) || rename(new, path)) return say(path, strerror(errno)), 1;
    return 0;
}

static void listen_at(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat found;
    /* Under another name until it listens: who finds the socket can connect. It takes the place of one that was here before. */
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s.new", at);
    if (length < 0 || (size_t)length >= sizeof address.sun_path) say("the path of the socket is too long", at), exit(USAGE);
    if (!lstat(at, &found) && !S_ISSOCK(found.st_mode)) say(at, "there is something else"), exit(1);
    unlink(address.sun_path);
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Whoever reaches the folder may connect: the two containers are two users, and it is mounted into them alone. */
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof address) || chmod(address.sun_path, 0666) ||
        listen(listening, MOST) || rename(address.sun_path, at))
        say(at, strerror(errno)), exit(1);
}

static double number(const char *text, double least, double greatest) {
    char *rest;
    double found = text ? strtod(text, &rest) : -1;
    if (!text || rest == text || *rest || found < least || found > greatest) say("not a number that is allowed here", text), exit(USAGE);
    return found;
}

int main(int count, char **words) {
    for (int n = 1; n < count; n++) {
        const char *word = words[n], *value = n + 1 < count ? words[n + 1] : NULL;
        if (!strcmp(word, "--install") && value) return install(value);
        if (!strcmp(word, "--socket") && value) at = value, n++;
        else if (!strcmp(word, "--most")) most = (int)number(value, 1, MOST), n++;
        else if (!strcmp(word, "--grace")) grace = number(value, 0, 3600), n++;
        else if (!strcmp(word, "--linger")) linger = number(value, 0, 3600), n++;
        else if (!strcmp(word, "--drain")) drain = number(value, 0, 86400), n++;
        else if (!strcmp(word, "--once")) once = true;
        else if (!strcmp(word, "--")) {
            command = words + n + 1;
            break;
        } else {
            say("unknown option", word);
            return USAGE;
        }
    }
    if (!at || !command || !command[0]) {
        say("use: arcops-shim --socket PATH -- COMMAND [ARGUMENT...]", NULL);
        return USAGE;
    }
    sigset_t taken_here;
    sigemptyset(&taken_here);
    for (const int *one = (const int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, 0}; *one; one++)
        sigaddset(&taken_here, *one);
    sigprocmask(SIG_BLOCK, &taken_here, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &taken_here, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) say("signalfd", strerror(errno)), exit(1);
    listen_at();
    serve(signals);
    unlink(at);
    return answer;
}
