/* Modelled power: a board's idle watts all the time, and its busy watts while the device has work. This is how the device
 * sim:BOARD is charged, and what stands in for a sensor where there is none (--power model:BOARD). It hangs on
 * no clock but the caller's, and its energy is exact between any two samples.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/config_board.h"
#include "proto/status.h"
#include "worker/power_sampler.h"

struct model {
    struct worker_power_source base;
    double idle_w, busy_w;
    double joules;
    uint64_t last_us; /* joules are known up to here; 0: not begun */
    bool busy;
};

/* "tx2,empty,mode=MAXQ": the board, and its mode or NULL. text is cut up. */
static void argument_read(char *text, const char **board, const char **mode)
{
    *board = text;
    *mode = NULL;
    for (char *word = strchr(text, ','); word;) {
        *word++ = '\0';
        if (strncmp(word, "mode=", 5) == 0)
            *mode = word + 5;
        word = strchr(word, ',');
    }
}

static void model_close(struct worker_power_source *source)
{
    free(source);
}

static int model_open(const struct worker_power_settings *settings, const char *argument, char *why,
                      size_t why_bytes, struct worker_power_source **out)
{
    char text[256];
    const char *name, *mode_name;
    struct proto_config_board *board;
    (void)settings;
    snprintf(text, sizeof text, "%s", argument ? argument : "");
    if (!text[0]) {
        snprintf(why, why_bytes, "model needs a board, as in model:nano");
        return PROTO_INVALID;
    }
    argument_read(text, &name, &mode_name);
    int status = proto_config_board_find(name, &board);
    if (status != PROTO_OK) {
        snprintf(why, why_bytes, "no board '%.100s'", name);
        return status;
    }
    const struct proto_board_mode *mode = proto_config_board_mode(board, mode_name);
    struct model *model = calloc(1, sizeof *model);
    status = !model ? PROTO_NO_MEMORY : (mode ? PROTO_OK : PROTO_INVALID);
    if (status == PROTO_INVALID)
        snprintf(why, why_bytes, "board '%s' has no mode '%.60s'", board->name, mode_name);
    if (status == PROTO_OK) {
        snprintf(model->base.rail, sizeof model->base.rail, "%s %s", board->name, mode->name);
        model->base.counts_joules = model->base.own = true;
        model->idle_w = mode->idle_w;
        model->busy_w = mode->busy_w;
        *out = &model->base;
    } else {
        free(model);
    }
    proto_config_board_free(board);
    return status;
}

static void advance(struct model *model, uint64_t now_us)
{
    if (model->last_us > 0 && now_us > model->last_us)
        model->joules +=
            (model->busy ? model->busy_w : model->idle_w) * (double)(now_us - model->last_us) / 1e6;
    model->last_us = now_us;
}

static bool model_read(struct worker_power_source *source, uint64_t now_us, double *joules)
{
    struct model *model = (struct model *)source;
    advance(model, now_us);
    *joules = model->joules;
    return true;
}

static void model_busy(struct worker_power_source *source, bool busy, uint64_t now_us)
{
    struct model *model = (struct model *)source;
    advance(model, now_us);
    model->busy = busy;
}

const struct worker_power_sampler worker_power_model = {
    .name = "model",
    .argument = "BOARD[,mode=NAME]",
    .what = "nothing is measured: idle and busy watts of configs/boards/BOARD.yaml",
    .open = model_open,
    .close = model_close,
    .read = model_read,
    .busy = model_busy,
};
