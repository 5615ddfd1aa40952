/* muster eval: how good are detections, measured against the truth. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "coordinator/eval/errors.h"
#include "coordinator/eval/plot.h"
#include "coordinator/eval/report.h"
#include "coordinator/eval/text.h"
#include "proto/log.h"
#include "proto/status.h"

enum { ERRORS_DEFAULT = 20, ERRORS_MAX = 10000 };

struct options {
    struct eval_settings eval;
    const char *files[2][EVAL_FILES_MAX]; /* detections; those of --compare */
    int file_count[2];
    const char *plot, *errors;
    uint32_t errors_most;
    bool json;
    const char *subset, *height; /* applied in this order, wherever they stood */
};

static void print_help(void)
{
    puts(
        "usage: muster eval --truth FILE|DIR --detections FILE [options]\n"
        "\n"
        "Measures detections (JSON lines of `muster detect --json`) against the truth: miss rate "
        "at\n"
        "0.1 and 0.01 false positives per image (FPPI), log-average miss rate, precision, recall "
        "and\n"
        "box quality, each with its 95 % interval. The rules are those of the Caltech benchmark;\n"
        "docs/evaluation.md has them.\n"
        "\n"
        "  --truth FILE|DIR    CSV (frame,x,y,w,h,label,ignore,visible; file for frame; label, "
        "ignore\n"
        "                      and visible may be absent), or a directory of bbGt version=3 files\n"
        "  --detections FILE   JSON lines; may be repeated, the files are joined\n"
        "  --compare FILE      a second detector on the same frames; may be repeated likewise\n"
        "  --subset NAME       persons that count; the others are neither misses nor false "
        "alarms:");
    const struct eval_subset *subset;
    for (int i = 0; (subset = eval_subset_at(i)); i++)
        printf("                        %-11s %s%s\n", subset->name, subset->text,
               i ? "" : " (default)");
    puts(
        "  --height LOW:HIGH   persons of these heights in pixels instead, both ends included;\n"
        "                      75: has no upper end. Visibility counts as in the subset\n"
        "  --clip              cut truth and detections at the picture's edges before comparing, "
        "for\n"
        "                      a truth that marks only what is in the picture of persons cut off\n"
        "  --images DIR        where the pictures are (for --clip and --errors; else: `source`)\n"
        "  --negatives WHAT    directory or list of the pictures without persons; any other frame\n"
        "                      without truth is then an error\n"
        "  --frames PATTERN    only frames whose name fits, e.g. 'street*' or a plain prefix\n"
        "  --threshold X       score for precision, recall and box quality\n"
        "  --threshold-at FPPI the score that gives this FPPI instead (default 0.1)\n"
        "  --rounds N          bootstrap rounds (default 1000)\n"
        "  --seed N            of the bootstrap (default 1)\n"
        "  --plot FILE         draw the curves, FILE ends in .svg or .png\n"
        "  --errors DIR        write the worst false alarms and misses as pictures\n"
        "  --errors-most N     so many of each (default 20)\n"
        "  --json              one JSON object instead of text\n"
        "\n"
        "examples:\n"
        "  muster eval --truth val/annotations.csv --detections found.jsonl --height 75:927\n"
        "  muster eval --truth truth.csv --detections a.jsonl --compare b.jsonl --plot curves.svg\n"
        "  muster eval --truth truth.csv --detections a.jsonl --images val/images --errors worst");
}

/* clang-format off */
enum option_id {
    OPTION_TRUTH = 256, OPTION_DETECTIONS, OPTION_COMPARE, OPTION_SUBSET, OPTION_HEIGHT, OPTION_CLIP,
    OPTION_IMAGES, OPTION_NEGATIVES, OPTION_FRAMES, OPTION_THRESHOLD, OPTION_THRESHOLD_AT,
    OPTION_ROUNDS, OPTION_SEED, OPTION_PLOT, OPTION_ERRORS, OPTION_ERRORS_MOST, OPTION_JSON,
    OPTION_HELP,
};
static const struct option long_options[] = {
    {"truth", required_argument, NULL, OPTION_TRUTH},
    {"detections", required_argument, NULL, OPTION_DETECTIONS},
    {"compare", required_argument, NULL, OPTION_COMPARE},
    {"subset", required_argument, NULL, OPTION_SUBSET},
    {"height", required_argument, NULL, OPTION_HEIGHT},
    {"clip", no_argument, NULL, OPTION_CLIP},
    {"images", required_argument, NULL, OPTION_IMAGES},
    {"negatives", required_argument, NULL, OPTION_NEGATIVES},
    {"frames", required_argument, NULL, OPTION_FRAMES},
    {"threshold", required_argument, NULL, OPTION_THRESHOLD},
    {"threshold-at", required_argument, NULL, OPTION_THRESHOLD_AT},
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"errors", required_argument, NULL, OPTION_ERRORS},
    {"errors-most", required_argument, NULL, OPTION_ERRORS_MOST},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};
/* clang-format on */

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "muster eval: %s%s%s; see muster eval --help\n", what, value ? ": " : "",
            value ? value : "");
    return CLI_USAGE;
}

static int add_file(struct options *options, int which, const char *path)
{
    if (options->file_count[which] == EVAL_FILES_MAX)
        return usage("more than 16 files", path);
    options->files[which][options->file_count[which]++] = path;
    return CLI_DONE;
}

/* A whole number from low to high. */
static bool parse_count(const char *text, double low, double high, double *out)
{
    return eval_text_number(text, out) && *out >= low && *out <= high && *out == floor(*out);
}

static int set_number(struct options *options, int option, const char *value)
{
    double number;
    struct eval_settings *eval = &options->eval;
    switch (option) {
    case OPTION_THRESHOLD:
        if (!eval_text_number(value, &eval->threshold))
            return usage("--threshold needs a number", value);
        return CLI_DONE;
    case OPTION_THRESHOLD_AT:
        if (!eval_text_number(value, &eval->fppi) || eval->fppi < 0)
            return usage("--threshold-at needs an FPPI of 0 or more", value);
        return CLI_DONE;
    case OPTION_ROUNDS:
        if (!parse_count(value, 1, 1000000, &number))
            return usage("--rounds needs a whole number from 1 to 1000000", value);
        eval->bootstrap.rounds = (uint32_t)number;
        return CLI_DONE;
    case OPTION_SEED:
        if (!parse_count(value, 0, 1e15, &number))
            return usage("--seed needs a whole number from 0 to 10^15", value);
        eval->bootstrap.seed = (uint64_t)number;
        return CLI_DONE;
    default:
        if (!parse_count(value, 1, ERRORS_MAX, &number))
            return usage("--errors-most needs a whole number from 1 to 10000", value);
        options->errors_most = (uint32_t)number;
        return CLI_DONE;
    }
}

static int set_option(struct options *options, int option, const char *value)
{
    struct eval_settings *eval = &options->eval;
    switch (option) {
    case OPTION_TRUTH:
        eval->truth = value;
        break;
    case OPTION_DETECTIONS:
    case OPTION_COMPARE:
        return add_file(options, option == OPTION_COMPARE, value);
    case OPTION_SUBSET:
        options->subset = value;
        break;
    case OPTION_HEIGHT:
        options->height = value;
        break;
    case OPTION_CLIP:
        eval->rules.clip = true;
        break;
    case OPTION_IMAGES:
        eval->images = value;
        break;
    case OPTION_NEGATIVES:
        eval->set.negatives = value;
        break;
    case OPTION_FRAMES:
        eval->set.frames = value;
        break;
    case OPTION_PLOT:
        options->plot = value;
        break;
    case OPTION_ERRORS:
        options->errors = value;
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    default:
        return set_number(options, option, value);
    }
    return CLI_DONE;
}

static int check(struct options *options)
{
    struct eval_rules *rules = &options->eval.rules;
    if (!options->eval.truth || !options->file_count[0])
        return usage("--truth and --detections are needed", NULL);
    if (options->subset && eval_rules_subset(rules, options->subset))
        return usage("--subset knows no", options->subset);
    if (options->height && eval_rules_height(rules, options->height))
        return usage("--height needs LOW:HIGH in pixels", options->height);
    return -1;
}

/* Returns -1 to go on, otherwise the exit code. */
static int parse(int argc, char **argv, struct options *options)
{
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            print_help();
            return CLI_DONE;
        }
        if (option == '?') /* getopt has said which */
            return usage("bad option", NULL);
        int code = set_option(options, option, optarg);
        if (code)
            return code;
    }
    if (optind < argc)
        return usage("unexpected argument", argv[optind]);
    return check(options);
}

static int write_outputs(const struct options *options, const struct eval_report *report)
{
    int status = PROTO_OK;
    if (options->json)
        status = eval_report_json(report, stdout);
    else
        eval_report_text(report, stdout);
    if (!status && (fflush(stdout) || ferror(stdout)))
        status = PROTO_IO;
    if (status)
        proto_log_error("cli", "cannot write the report: %s", proto_status_text(status));
    if (!status && options->plot)
        status = eval_plot_write(options->plot, report->results, report->count);
    if (!status && options->errors)
        status = eval_errors_write(options->errors, report->results[0], &options->eval,
                                   options->errors_most);
    return status;
}

static int evaluate(const struct options *options)
{
    struct eval_truth *truth = NULL;
    struct eval_result *results[2] = {NULL, NULL};
    struct eval_difference differences[EVAL_FIGURES];
    struct eval_report report = {.settings = &options->eval};
    int status = eval_truth_open(options->eval.truth, &truth);
    for (int i = 0; !status && i < 2 && options->file_count[i]; i++) {
        status = eval_result_open(truth, options->files[i], options->file_count[i], &options->eval,
                                  &results[i]);
        report.results[report.count++] = results[i];
    }
    if (!status && report.count == 2) {
        status = eval_set_same_frames(results[0]->set, results[1]->set);
        if (!status)
            status = eval_bootstrap_compare(results[0]->match, results[0]->threshold,
                                            results[1]->match, results[1]->threshold,
                                            &options->eval.bootstrap, differences);
        report.differences = differences;
    }
    if (!status)
        status = write_outputs(options, &report);
    eval_result_close(results[0]);
    eval_result_close(results[1]);
    eval_truth_close(truth);
    return status;
}

int cli_eval(int argc, char **argv)
{
    struct options options = {.errors_most = ERRORS_DEFAULT};
    eval_settings_defaults(&options.eval);
    int code = parse(argc, argv, &options);
    return code >= 0 ? code : cli_exit_code(evaluate(&options));
}
