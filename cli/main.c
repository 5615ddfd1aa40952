/* muster: the table of subcommands. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/version.h"

static const struct subcommand {
    const char *name, *what;
    int (*run)(int argc, char **argv);
    bool computes; /* with OpenMP threads */
} subcommands[] = {
    {"detect", "find people in pictures, alone or with workers under mpirun", cli_detect, true},
    {"model", "show a net or a model folder: layers, window, cost", cli_model, false},
    {"scene", "render a walk-through with its ground truth", cli_scene, false},
    {"bench", "measure frame rate, latency and power over numbers of workers", cli_bench, false},
    {"eval", "compare detections with the truth", cli_eval, false},
    {"plan", "share a frame out over boards, and say what would come of it", cli_plan, false},
    {"profile", "measure what tiles and messages take here", cli_profile, true},
    {"simulate", "what other boards would do: the same coordinator under a virtual clock",
     cli_simulate, false},
    {"camera", "find out a camera's height and pitch from the persons it sees", cli_camera, false},
};

static void usage(FILE *out)
{
    fputs("usage: muster SUBCOMMAND [options]\n"
          "\n"
          "Finds people in camera frames with several GPU boards working on the same frame.\n"
          "\n",
          out);
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        fprintf(out, "  %-8s %s\n", subcommands[i].name, subcommands[i].what);
    fputs("\n"
          "muster SUBCOMMAND --help has the options and examples; muster --version says what this "
          "is.\n"
          "\n"
          "  muster scene --out clip && mpirun -n 5 muster detect clip --json -\n",
          out);
}

/* OpenMP threads that wait by spinning take the core from those they wait for as soon as anything
 * else wants one: two threads on two busy cores made 0.35 frames/s, sleeping ones 9.7. libgomp reads
 * its settings before main and at no other time, so the program starts itself again; whoever
 * has set the policy keeps it.
 */
static void wait_without_spinning(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT") ||
        setenv("OMP_WAIT_POLICY", "passive", 1))
        return;
    execvp(argv[0], argv); /* if that fails, it is only slower */
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return CLI_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("muster " CLI_VERSION);
        return CLI_DONE;
    }
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++) {
        if (strcmp(name, subcommands[i].name) != 0)
            continue;
        if (subcommands[i].computes)
            wait_without_spinning(argv);
        return subcommands[i].run(argc - 1, argv + 1);
    }
    if (*name)
        fprintf(stderr, "muster: there is no subcommand '%s'\n\n", name);
    usage(stderr);
    return CLI_USAGE;
}
