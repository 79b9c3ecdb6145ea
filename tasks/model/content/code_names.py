"""Names by which a tool runs a file: one entry for each tool, so that a finding says what would run it."""

from __future__ import annotations

from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from tasks.model.content.short_names import remembered


@dataclass(frozen=True, slots=True)
class CodeKind:
    """``form`` is the format that is reported; ``why`` ends the sentence "the file …"."""

    form: str
    why: str


_SOURCE = "is source code; a loader that trusts the model's code would run it"

_ENDINGS: tuple[tuple[str, str, str], ...] = (
    ("python", _SOURCE, "py pyi pyw pyx pxd ipynb pyc pyo py3 rpy"),
    ("script", _SOURCE, "sh bash zsh bat cmd ps1 js mjs rb pl php lua vbs jar so dll"),
    ("script", "is a script of a shell or of Windows", "fish ksh csh tcsh dash ps1xml psm1 psd1 vbe jse wsf wsc sct hta awk"
     " sed tcl expect exp applescript scpt command au3 ahk"),
    ("script", "is a script for the interpreter of its language", "cjs ts tsx jsx mts cts coffee pm t phtml erb luac rake"
     " groovy kts kt scala clj raku gd wat"),
    ("r-source", "is code or data of R, which runs the code in it", "r rmd rnw rprofile rdata rda rds renviron rproj"),
    ("source", "is source code of a language or a notebook", "qmd jl m mlx scm ss rkt lisp el vim nix cu"
     " cuh ptx cl hip cpp cc cxx c h hpp hh rs go java swift cs fs f90 f zig nim ex exs erl hs ml mli sas do ado ncl pro sql"
     " mlir ll asm s sage wl nb proto thrift d dart v sv vhd"),
    ("build-file", "is run by a build tool", "mk mak cmake ninja gradle gemspec bazel bzl make am ac m4 csproj vcxproj sln"
     " targets props podspec cabal sbt jam gyp gypi vcproj pri qbs"),
    ("package-manifest", "makes an installer fetch or run code", "egg-link spec ebuild pkgbuild nuspec whl egg gem crate"),
    ("container-file", "is run by a container builder", "dockerfile containerfile"),
    ("infrastructure", "is applied by a deployment tool", "tf tfvars hcl bicep pp sls nomad pkr pbtxt"),
    ("system-file", "can make a desktop or an init system run a program", "desktop service timer socket mount path target cron"
     " inf reg url scf lnk webloc plist rdp jnlp library-ms settingcontent-ms theme themepack msc cpl scr pif application"
     " appref-ms mobileconfig kdelnk conf rules"),
    ("editor-file", "can make an editor that opens the folder run a program", "code-workspace sublime-project sublime-build"
     " sublime-settings iml ipr iws code-snippets"),
    ("web-page", "is shown by a browser, which runs the scripts in it", "html htm xhtml shtml mht mhtml css scss less asp aspx"
     " jsp vue svelte htc swf"),
    ("document-code", "is a document with code that runs when it is shown", "tex sty cls ltx dtx ins bst ps eps xsl xslt xsd"
     " dtd gnuplot gp plt rtf slk iqy dqy oqy org mdx typ pmml docm xlsm pptm dotm xlam xll adoc"),
)  # fmt: skip

_NAMES: tuple[tuple[str, str, str], ...] = (
    ("build-file", "is run by a build tool", r"(gnu|bsd)?makefile(\..*)?|cmakelists\.txt|cmakepresets\.json|meson\.build"
     r"|meson_options\.txt|\.?justfile|rakefile|gemfile(\.lock)?|pom\.xml|build|workspace|module\.bazel|sconstruct|sconscript"
     r"|snakefile|earthfile|taskfile\.(ya?ml|json)|dvc\.(ya?ml|lock)|configure(\..*)?|wscript|jamfile|jamroot|buck|build\.xml"
     r"|kbuild|kconfig|nextflow\.config|ivy\.xml|conanfile\.txt|binding\.gyp"),
    ("package-manifest", "makes an installer fetch or run code", r"setup\.cfg|pyproject\.toml|pipfile(\.lock)?|manifest\.in"
     r"|(.*[-_.])?(requirements?|reqs|constraints|dependencies|packages|apt)([-_.].*)?\.(txt|in|lock|json|ya?ml)"
     r"|(.*[-_])?(environment|conda|python_env)([-_].*)?\.ya?ml|meta\.yaml|(poetry|uv|pdm|pixi|yarn|cargo|composer"
     r"|package)\.lock|entry_points\.txt|top_level\.txt|package(-lock)?\.json|npm-shrinkwrap\.json|composer\.json"
     r"|bower\.json|deno\.jsonc?|lerna\.json|nx\.json|turbo\.json|vcpkg\.json|cargo\.toml|go\.(mod|sum|work)|project\.toml"
     r"|manifest\.toml|description|namespace|runtime\.txt|tox\.ini|pytest\.ini|mypy\.ini|pixi\.toml|uv\.toml|flake\.lock|package\.swift"),
    ("tool-settings", "tells a tool which programs or plug-ins to load", r"([jt]sconfig([-_.].*)?|babel\.config|jest\.config"
     r"|angular|renovate|vercel|now|netlify|firebase|app|claude_desktop_config|settings|launch|tasks|mcp)\.jsonc?"
     r"|.*\.config\.json"),
    ("agent-file", "tells a coding agent that opens the folder what to do", r"(agents?|claude|gemini|skills?)(\.local)?\.md"
     r"|copilot-instructions\.md|\.(cursor|windsurf|cline|roo)rules|llms(-full)?\.txt"),
    ("container-file", "is run by a container builder", r"(dockerfile|containerfile|singularity)([-_.].*)?"
     r"|(docker-)?compose([-_.].*)?\.ya?ml|devcontainer\.json|docker-bake\.(json|hcl)"),
    ("pipeline-file", "is run by a service that builds or serves", r"jenkinsfile|procfile|cog\.ya?ml|bentofile\.ya?ml"
     r"|mlmodel|mlproject|azure-pipelines\.ya?ml|appveyor\.ya?ml|bitbucket-pipelines\.ya?ml|cloudbuild\.(ya?ml|json)|app\.ya?ml|buildspec\.ya?ml"),
    ("infrastructure", "is applied by a deployment tool", r"vagrantfile|chart\.ya?ml|values\.ya?ml|kustomization\.ya?ml"
     r"|skaffold\.ya?ml|playbook.*\.ya?ml|ansible\.cfg|helmfile\.ya?ml|tiltfile"),
    ("system-file", "can make a desktop or an init system run a program", r"crontab|desktop\.ini|autorun\.inf|\.directory"
     r"|.*\.desktop"),
    ("shell-file", "is read by a shell or another tool when it starts", r"\.(bashrc|bash_profile|bash_login|bash_logout"
     r"|profile|zshrc|zshenv|zprofile|zlogin|kshrc|cshrc|envrc|env|vimrc|exrc|emacs|inputrc|netrc|pythonrc|rprofile|renviron"
     r"|octaverc|gdbinit|lldbinit|npmrc|yarnrc|condarc|hgrc|gitmodules|gitconfig|pypirc)(\..*)?"),
)  # fmt: skip

_BY_ENDING = {ending: CodeKind(form, why) for form, why, endings in reversed(_ENDINGS) for ending in endings.split()}
_BY_NAME = tuple((late(pattern), CodeKind(form, why)) for form, why, pattern in _NAMES)
_ANY_NAME = late("|".join(f"(?:{pattern})" for _, _, pattern in _NAMES))
"""Most files have none of these names, and are asked once instead of once for each kind."""

_NUMBER = late("[0-9]{4,}")

FORMS = frozenset(kind.form for kind in (*_BY_ENDING.values(), *(kind for _, kind in _BY_NAME)))
"""Every format that the name alone decides."""


def like(name: str) -> str:
    """A name of the same kind as *name*, in small letters: every number of four digits or more is replaced.

    No tool knows a name by such a number, and thousands of files differ only by it.
    """
    return _NUMBER.sub("0000", name).lower()


def code_kind(path: str) -> CodeKind | None:
    """What runs a file of this name, or ``None`` if no known tool does."""
    return kind_of_code(like(path.rsplit("/", 1)[-1]))


@remembered
def kind_of_code(name: str) -> CodeKind | None:
    """As `code_kind`, of a name that `like` made."""
    if _ANY_NAME.fullmatch(name):
        for pattern, kind in _BY_NAME:
            if pattern.fullmatch(name):
                return kind
    _, dot, ending = name.rpartition(".")
    return _BY_ENDING.get(ending) if dot else None
