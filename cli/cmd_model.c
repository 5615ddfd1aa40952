/* muster model: what a net or a model folder is and what it costs. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/models.h"
#include "coordinator/json.h"
#include "partition/onnx.h"
#include "partition/pyramid.h"
#include "proto/log.h"
#include "proto/status.h"

struct options {
    const char *name;
    struct proto_size frame;
    bool json;
};

/* A layer's place in its net: what it makes of one window, and what it costs. */
struct place {
    struct proto_size output; /* of one window */
    struct proto_size sees;   /* receptive field of one output, level pixels */
    struct proto_size step;   /* level pixels between outputs */
    uint64_t weights;
    double macs_per_cell; /* what one more cell costs on a large level */
};

static void print_help(void)
{
    puts(
        "usage: muster model FILE.onnx|DIR|NAME [options]\n"
        "\n"
        "Shows a net's layers: kernel, stride, output for one window, how many pixels an output\n"
        "sees, weights and multiply-accumulates (MACs) a cell. For a model folder also its levels\n"
        "and their cost. NAME is a folder below models/.\n"
        "\n"
        "  --frame WxH   frame size for the table of levels (default 640x480)\n"
        "  --json        for programs; keys: layers weights macs_per_cell stride window outputs,\n"
        "                [rows, columns]; for a folder: model hash nets levels gmac\n"
        "  --help        this text\n"
        "\n"
        "macs_per_cell is what one more cell costs on a large level, where neighbouring windows\n"
        "share their work; macs_per_window is a window all by itself.\n"
        "\n"
        "  muster model models/paper\n"
        "  muster model net.onnx --json | jq .macs_per_cell");
}

/* places: one for each layer. */
static void work_out(const struct partition_net *net, struct place *places)
{
    struct proto_size size = net->window, sees = {1, 1}, step = {1, 1};
    for (int i = 0; i < net->layer_count; i++) {
        const struct proto_layer *l = &net->layers[i];
        sees.h += (l->kh - 1) * step.h;
        sees.w += (l->kw - 1) * step.w;
        step.h *= l->sh;
        step.w *= l->sw;
        size.h = (size.h - l->kh) / l->sh + 1;
        size.w = (size.w - l->kw) / l->sw + 1;
        places[i] = (struct place){.output = size, .sees = sees, .step = step};
        if (l->kind != PROTO_LAYER_CONV)
            continue;
        const double each = (double)l->cin * l->kh * l->kw * l->cout;
        const double outputs =
            (double)net->stride.h / step.h * ((double)net->stride.w / step.w); /* in a cell */
        places[i].weights = (uint64_t)each + (uint64_t)l->cout;
        places[i].macs_per_cell = each * outputs;
    }
}

static double macs_per_cell(const struct partition_net *net)
{
    struct place places[PROTO_LAYERS_MAX];
    double sum = 0;
    work_out(net, places);
    for (int i = 0; i < net->layer_count; i++)
        sum += places[i].macs_per_cell;
    return sum;
}

static const char *kind_name(const struct proto_layer *l)
{
    return l->kind == PROTO_LAYER_POOL ? "max-pool" : l->relu ? "conv+relu" : "conv";
}

/* ---- text ---- */

static void print_net(const struct partition_net *net)
{
    struct place places[PROTO_LAYERS_MAX];
    work_out(net, places);
    printf("  %-20s %-9s %7s %6s  %-14s %7s %5s %9s %11s\n", "layer", "kind", "kernel", "stride",
           "output", "sees", "step", "weights", "MACs/cell");
    for (int i = 0; i < net->layer_count; i++) {
        const struct proto_layer *l = &net->layers[i];
        const struct place *p = &places[i];
        char kernel[24], stride[24], output[40], sees[24], step[24];
        snprintf(kernel, sizeof(kernel), "%dx%d", l->kh, l->kw);
        snprintf(stride, sizeof(stride), "%dx%d", l->sh, l->sw);
        snprintf(output, sizeof(output), "%dx%dx%d", l->cout, p->output.h, p->output.w);
        snprintf(sees, sizeof(sees), "%dx%d", p->sees.h, p->sees.w);
        snprintf(step, sizeof(step), "%dx%d", p->step.h, p->step.w);
        printf("  %-20.20s %-9s %7s %6s  %-14s %7s %5s %9" PRIu64 " %11.0f\n", l->name,
               kind_name(l), kernel, stride, output, sees, step, p->weights, p->macs_per_cell);
    }
    printf("  window %dx%d (rows x columns), stride %dx%d, %d output%s, %.2f M weights, %.2f M "
           "MACs a cell, "
           "%.2f M a window\n",
           net->window.h, net->window.w, net->stride.h, net->stride.w, net->outputs,
           net->outputs == 1 ? "" : "s", 1e-6 * (double)net->weight_count,
           1e-6 * macs_per_cell(net),
           1e-6 * (double)partition_net_macs(net, net->window.h, net->window.w));
}

static double level_gmac(const struct partition_model *model, const struct partition_level *level)
{
    return 1e-9 * (double)partition_net_macs(&model->nets[level->net], level->h, level->w);
}

static double pyramid_gmac(const struct partition_model *model,
                           const struct partition_pyramid *pyramid)
{
    double sum = 0;
    for (int k = 0; k < pyramid->level_count; k++)
        sum += level_gmac(model, &pyramid->levels[k]);
    return sum;
}

static void print_levels(const struct partition_model *model,
                         const struct partition_pyramid *pyramid)
{
    printf("\nlevels of a frame of %dx%d\n", pyramid->frame.w, pyramid->frame.h);
    printf("  %5s  %-12s %10s %7s %11s %4s %10s %8s\n", "level", "net", "persons", "scale",
           "pixels WxH", "base", "cells WxH", "GMAC");
    for (int k = 0; k < pyramid->level_count; k++) {
        const struct partition_level *l = &pyramid->levels[k];
        const struct partition_net *net = &model->nets[l->net];
        char pixels[24], cells[24];
        snprintf(pixels, sizeof(pixels), "%dx%d", l->w, l->h);
        snprintf(cells, sizeof(cells), "%dx%d", l->cols, l->rows);
        printf("  %5d  %-12.12s %7.0f px %7.3f %11s %4d %10s %8.2f\n", k, net->name,
               net->person_px / l->scale, l->scale, pixels, l->base, cells, level_gmac(model, l));
    }
    printf("  %.1f GMAC a frame\n", pyramid_gmac(model, pyramid));
}

static void print_model(const struct partition_model *model,
                        const struct partition_pyramid *pyramid)
{
    printf("model %s, SHA-256 %s\n", model->name, model->hash);
    for (int i = 0; i < model->net_count; i++) {
        const struct partition_net *net = &model->nets[i];
        printf("\nnet %s, levels %d to %d, person of %g px\n", net->name, net->first_level,
               net->last_level, net->person_px);
        print_net(net);
    }
    print_levels(model, pyramid);
}

/* ---- JSON ---- */

static void json_pair(const char *key, int32_t rows, int32_t cols)
{
    printf("\"%s\":[%d,%d]", key, rows, cols);
}

/* The members of a net's object, without the braces. */
static void json_net(const struct partition_net *net)
{
    struct place places[PROTO_LAYERS_MAX];
    work_out(net, places);
    printf("\"layers\":[");
    for (int i = 0; i < net->layer_count; i++) {
        const struct proto_layer *l = &net->layers[i];
        const struct place *p = &places[i];
        printf("%s{\"name\":", i ? "," : "");
        coordinator_json_string(stdout, l->name);
        printf(",\"kind\":\"%s\",\"relu\":%s,", l->kind == PROTO_LAYER_POOL ? "max-pool" : "conv",
               l->relu ? "true" : "false");
        json_pair("kernel", l->kh, l->kw);
        putchar(',');
        json_pair("stride", l->sh, l->sw);
        printf(",\"channels\":[%d,%d],", l->cin, l->cout);
        json_pair("output", p->output.h, p->output.w);
        putchar(',');
        json_pair("sees", p->sees.h, p->sees.w);
        putchar(',');
        json_pair("step", p->step.h, p->step.w);
        printf(",\"weights\":%" PRIu64 ",\"macs_per_cell\":%.0f}", p->weights, p->macs_per_cell);
    }
    printf("],\"weights\":%" PRIu64 ",\"macs_per_cell\":%.0f,\"macs_per_window\":%" PRIu64 ",",
           net->weight_count, macs_per_cell(net),
           partition_net_macs(net, net->window.h, net->window.w));
    json_pair("stride", net->stride.h, net->stride.w);
    putchar(',');
    json_pair("window", net->window.h, net->window.w);
    printf(",\"outputs\":%d", net->outputs);
}

static void json_levels(const struct partition_model *model,
                        const struct partition_pyramid *pyramid)
{
    printf("\"frame\":[%d,%d],\"levels\":[", pyramid->frame.w, pyramid->frame.h);
    for (int k = 0; k < pyramid->level_count; k++) {
        const struct partition_level *l = &pyramid->levels[k];
        const struct partition_net *net = &model->nets[l->net];
        printf("%s{\"level\":%d,\"net\":", k ? "," : "", k);
        coordinator_json_string(stdout, net->name);
        printf(",\"person_px\":%.3f,\"scale\":%.6f,", net->person_px / l->scale, l->scale);
        json_pair("pixels", l->h, l->w);
        printf(",\"base\":%d,", l->base);
        json_pair("cells", l->rows, l->cols);
        printf(",\"gmac\":%.4f}", level_gmac(model, l));
    }
    printf("],\"gmac\":%.4f", pyramid_gmac(model, pyramid));
}

static void json_model(const struct partition_model *model, const struct partition_pyramid *pyramid)
{
    uint64_t weights = 0;
    printf("{\"model\":");
    coordinator_json_string(stdout, model->name);
    printf(",\"hash\":\"%s\",\"nets\":[", model->hash);
    for (int i = 0; i < model->net_count; i++) {
        const struct partition_net *net = &model->nets[i];
        weights += net->weight_count;
        printf("%s{\"name\":", i ? "," : "");
        coordinator_json_string(stdout, net->name);
        printf(",\"first_level\":%d,\"last_level\":%d,\"person_px\":%g,", net->first_level,
               net->last_level, net->person_px);
        json_net(net);
        putchar('}');
    }
    printf("],\"weights\":%" PRIu64 ",", weights);
    json_levels(model, pyramid);
    puts("}");
}

/* ---- the two kinds of argument ---- */

static int show_file(const struct options *options)
{
    struct partition_net net = {.name = "net"};
    const int status = partition_onnx_read(options->name, &net);
    if (status != PROTO_OK)
        return status;
    if (options->json) {
        putchar('{');
        json_net(&net);
        puts("}");
    } else {
        puts(options->name);
        print_net(&net);
    }
    free(net.weights);
    return PROTO_OK;
}

static int show_folder(const struct options *options)
{
    char dir[CLI_PATH_MAX];
    struct partition_model *model;
    struct partition_pyramid pyramid;
    int status = cli_model_find(options->name, dir);
    if (status == PROTO_OK)
        status = partition_model_open(dir, &model);
    if (status != PROTO_OK)
        return status;
    status = partition_pyramid_init(&pyramid, model, options->frame);
    if (status == PROTO_OK)
        (options->json ? json_model : print_model)(model, &pyramid);
    partition_model_close(model);
    return status;
}

static bool parse_size(const char *text, struct proto_size *size)
{
    char *end;
    const long w = strtol(text, &end, 10);
    if (end == text || (*end != 'x' && *end != 'X'))
        return false;
    text = end + 1;
    const long h = strtol(text, &end, 10);
    if (end == text || *end || w < 1 || h < 1 || w > PROTO_FRAME_SIDE_MAX ||
        h > PROTO_FRAME_SIDE_MAX)
        return false;
    *size = (struct proto_size){.w = (int32_t)w, .h = (int32_t)h};
    return true;
}

static int refuse(const char *what, const char *text)
{
    fprintf(stderr, "muster model: %s '%s'; see muster model --help\n", what, text);
    return CLI_USAGE;
}

/* Fills options. Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct options *options)
{
    static const struct option table[] = {
        {"frame", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "h", table, NULL)) != -1)
        switch (c) {
        case 'f':
            if (!parse_size(optarg, &options->frame))
                return refuse("no frame size:", optarg);
            break;
        case 'j':
            options->json = true;
            break;
        case 'h':
            print_help();
            return CLI_DONE;
        default: /* getopt has said what is wrong */
            fputs("see muster model --help\n", stderr);
            return CLI_USAGE;
        }
    if (optind == argc) {
        fputs("muster model: which one? Give an ONNX file or a model folder; see muster model "
              "--help\n",
              stderr);
        return CLI_USAGE;
    }
    if (optind + 1 < argc)
        return refuse("one model at a time, not also", argv[optind + 1]);
    options->name = argv[optind];
    return -1;
}

/* A file is read as ONNX whatever its name; a missing one, if its name says so. */
static bool is_file(const char *name)
{
    struct stat info;
    const size_t len = strlen(name);
    if (stat(name, &info) == 0)
        return !S_ISDIR(info.st_mode);
    return len > 5 && strcmp(name + len - 5, ".onnx") == 0;
}

int cli_model(int argc, char **argv)
{
    struct options options = {.frame = {.w = 640, .h = 480}};
    int status = parse(argc, argv, &options);
    if (status >= 0)
        return status;
    if (is_file(options.name))
        status = show_file(&options);
    else
        status = show_folder(&options);
    if (status != PROTO_OK)
        return cli_exit_code(status);
    if (fflush(stdout) != 0) {
        proto_log_error("cli", "standard output: %s", strerror(errno));
        return CLI_FAILED;
    }
    return CLI_DONE;
}
