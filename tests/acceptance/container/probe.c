/* A program for the harnesses' own tests: it does what a container action can do, without being one. Static, so that
 * it runs from scratch. Which part it plays is its first argument. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void append(const char *variable, const char *text) {
    FILE *file = fopen(getenv(variable), "a");
    if (!file || fputs(text, file) < 0 || fclose(file)) { perror(variable); exit(70); }
}

/* Everything that a step can say to the runner. INPUT_EXIT-CODE ends it. */
static int speak(void) {
    puts("::add-mask::hunter2");
    puts("the password is hunter2");
    puts("::group::A group");
    puts("::endgroup::");
    puts("::debug::for those who look closely");
    for (int i = 0; i < 12; i++) printf("::notice::%d\n", i);
    puts("::error file=app.py,line=3,title=A title::first%0Asecond");
    fputs("::warning::from standard error\n", stderr);
    puts("::stop-commands::a-token");
    puts("::error::not obeyed");
    puts("::a-token::");
    append("GITHUB_OUTPUT", "greeting<<DELIMITER\nhello\nworld\nDELIMITER\nsecond=2\n");
    append("GITHUB_STATE", "started=yes\n");
    append("GITHUB_ENV", "LATER=on\n");
    append("GITHUB_STEP_SUMMARY", "# A summary\n");
    const char *code = getenv("INPUT_EXIT-CODE");
    return code ? atoi(code) : 0;
}

/* What it finds itself in. */
static int look(void) {
    static const char *places[] = {"/github/workspace", "/github/home", "/github/workflow/event.json",
                                   "/github/file_commands", "/github/runner_temp", "/var/run/docker.sock"};
    char folder[4096];
    printf("uid=%d pid=%d folder=%s\n", getuid(), getpid(), getcwd(folder, sizeof folder));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct stat status;
        if (stat(places[i], &status)) printf("missing %s\n", places[i]);
        else printf("owner %s %d\n", places[i], status.st_uid);
    }
    for (char **variable = environ; *variable; variable++) printf("env %s\n", *variable);
    return 0;
}

/* Waits for SIGINT or SIGTERM and says which came; `deaf` leaves only SIGKILL. */
static int wait_for_signal(int deaf) {
    sigset_t signals;
    int caught;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    puts("waiting");
    do sigwait(&signals, &caught); while (deaf);
    printf("caught %d\n", caught);
    return 130;
}

int main(int count, char **arguments) {
    /* Each line in one write. act gathers both streams into one line: the start of one would swallow a line that comes
     * on the other before its end. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    const char *part = count > 1 ? arguments[1] : "";
    if (!strcmp(part, "speak")) return speak();
    if (!strcmp(part, "look")) return look();
    if (!strcmp(part, "wait")) return wait_for_signal(0);
    if (!strcmp(part, "deaf")) return wait_for_signal(1);
    fprintf(stderr, "unknown part '%s'\n", part);
    return 64;
}
