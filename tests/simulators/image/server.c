/* A server of MCP over stdio in an image: it needs no library and no shell. Each line is one message of at most 64 KiB. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static void told(const char *id, const char *result) {
    printf("{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n", id, result);
    fflush(stdout);
}

static const char *opened(const char *path, int flags) {
    int file = open(path, flags, 0600);
    if (file < 0) return strerror(errno);
    close(file);
    return "yes";
}

static void seen(char *out, size_t size) {
    char names[1024] = "";
    DIR *root = opendir("/");
    struct dirent *one;
    while (root && (one = readdir(root)))
        if (one->d_name[0] != '.') {
            strncat(names, one->d_name, sizeof names - strlen(names) - 1);
            strncat(names, " ", sizeof names - strlen(names) - 1);
        }
    const char *home = getenv("HOME"), *colour = getenv("COLOUR"), *given = getenv("GIVEN");
    snprintf(out, size,
             "root=%s;home=%s;colour=%s;given=%s;passwd=%s;write=%s;temporary=%s;null=%s;said=%s;removed=%s",
             names, home ? home : "", colour ? colour : "", given ? given : "", opened("/etc/passwd", O_RDONLY),
             opened("/app/new", O_CREAT | O_WRONLY), opened("/tmp/new", O_CREAT | O_WRONLY), opened("/dev/null", O_RDWR),
             opened("/app/said", O_RDONLY), opened("/app/removed", O_RDONLY));
}

int main(int count, char **arguments) {
    static char line[65536], id[256], out[4096], text[5120];
    while (fgets(line, sizeof line, stdin)) {
        char *at = strstr(line, "\"id\":");
        if (!at) continue;
        at += 5;
        size_t length = strcspn(at, ",}\n");
        if (length >= sizeof id) return 1;
        memcpy(id, at, length);
        id[length] = 0;
        if (strstr(line, "\"initialize\""))
            told(id, "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},"
                     "\"serverInfo\":{\"name\":\"image\",\"version\":\"1\"}}");
        else if (strstr(line, "\"tools/list\""))
            told(id, "{\"tools\":[{\"name\":\"seen\",\"description\":\"what it sees\",\"inputSchema\":{\"type\":\"object\"}}]}");
        else if (strstr(line, "\"tools/call\"")) {
            seen(out, sizeof out);
            snprintf(text, sizeof text, "{\"content\":[{\"type\":\"text\",\"text\":\"%s;arguments=%s\"}]}", out,
                     count > 1 ? arguments[1] : "");
            told(id, text);
        } else
            printf("{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":-32601,\"message\":\"no\"}}\n", id), fflush(stdout);
    }
    return 0;
}
