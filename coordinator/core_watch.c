/* The core's watch over its workers: who was silent for too long, whose answer is overdue.
 *
 * Beats tell that a process and its link live; only answers tell that it computes. The time an
 * answer takes is computing, as predicted from its earlier ones, and travel, whose mean and deviation
 * are kept as TCP keeps those of its round trips (RFC 6298). Limits are generous: being called late
 * costs others some work, and the worker nothing but new work until it has answered.
 */
#include "coordinator/core_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    HEARD_FEW = 5,    /* messages before the short silence counts: starting is never regular */
    SILENCE_GAPS = 3, /* that many of its lately longest gaps are silence */
    MOVE_US = 50000,  /* a timer that late: the coordinator itself was away */
    MOVE_EVERY_US = 1000000,
    MOVE_MORE_US = 100000, /* to take what came meanwhile out of the link */
};

void core_watch_heard(struct coordinator_core *core, int w)
{
    struct core_worker *worker = &core->workers[w];
    const uint64_t now_us = core->now_us;
    const uint64_t gap_us = now_us > worker->heard_us ? now_us - worker->heard_us : 0;
    worker->gap_us -= worker->gap_us / 16;
    if (worker->heard_count > 0 && gap_us > worker->gap_us)
        worker->gap_us = gap_us;
    worker->heard_us = now_us;
    worker->heard_count += worker->heard_count < HEARD_FEW;
}

/* How long it may be silent. */
static uint64_t silence_us(const struct coordinator_core *core, const struct core_worker *worker)
{
    const struct coordinator_core_settings *s = &core->settings;
    uint64_t us = SILENCE_GAPS * worker->gap_us;
    if (worker->state != WORKER_READY || worker->heard_count < HEARD_FEW)
        return s->starting_us > s->silence_us ? s->starting_us : s->silence_us;
    us = us > s->silence_max_us ? s->silence_max_us : us;
    return us > s->silence_us ? us : s->silence_us;
}

/* ---- what it has in hand ---- */

static void hand_remove(struct core_worker *worker, int32_t i)
{
    memmove(&worker->hand[i], &worker->hand[i + 1],
            (size_t)(--worker->hand_count - i) * sizeof *worker->hand);
}

void core_watch_sent(struct coordinator_core *core, int w, uint64_t seq, uint32_t assignment,
                     double predicted_us)
{
    struct core_worker *worker = &core->workers[w];
    if (worker->hand_count ==
        core->hand_max) /* it is given none then, but one cannot be too sure */
        hand_remove(worker, 0);
    if (worker->hand_count == 0)
        worker->base_us = core->now_us;
    worker->hand[worker->hand_count++] = (struct core_hand){
        .seq = seq,
        .assignment = assignment,
        .sent_us = core->now_us,
        .predicted_us = predicted_us,
    };
}

static void travel_learn(struct core_worker *worker, double us)
{
    us = us > 0.0 ? us : 0.0;
    if (worker->answers == 0) {
        worker->travel_us = us;
        worker->travel_dev_us = us / 2.0;
    } else {
        worker->travel_dev_us += (fabs(us - worker->travel_us) - worker->travel_dev_us) / 4.0;
        worker->travel_us += (us - worker->travel_us) / 8.0;
    }
    worker->answers += worker->answers < UINT32_MAX;
}

bool core_watch_answered(struct coordinator_core *core, int w, const struct proto_result *result)
{
    struct core_worker *worker = &core->workers[w];
    int32_t i = 0, kept = 0;
    while (i < worker->hand_count &&
           (worker->hand[i].seq != result->seq || worker->hand[i].assignment != result->assignment))
        i++;
    if (i == worker->hand_count)
        return false;
    const uint64_t since_us =
        worker->base_us > worker->hand[i].sent_us ? worker->base_us : worker->hand[i].sent_us;
    if (!result->status && result->finished_us >= result->started_us && core->now_us >= since_us)
        travel_learn(worker, (double)(core->now_us - since_us) -
                                 (double)(result->finished_us - result->started_us));
    /* Links keep the order and workers work in it: what was overtaken twice is not to come. */
    for (int32_t k = 0; k < worker->hand_count; k++) {
        struct core_hand hand = worker->hand[k];
        if (k < i && hand.overtaken)
            core_worker_withdraw(core, w, &hand);
        if (k == i || (k < i && hand.overtaken))
            continue;
        hand.overtaken |= k < i;
        worker->hand[kept++] = hand;
    }
    worker->hand_count = kept;
    worker->base_us = core->now_us;
    return true;
}

void core_watch_forget(struct core_worker *worker)
{
    worker->hand_count = 0;
}

double core_watch_busy_us(const struct coordinator_core *core, int w)
{
    const struct core_worker *worker = &core->workers[w];
    double us = 0.0;
    for (int32_t i = 0; i < worker->hand_count; i++)
        if (!isnan(worker->hand[i].predicted_us))
            us += worker->hand[i].predicted_us;
    if (worker->hand_count > 0 && core->now_us > worker->base_us)
        us -= (double)(core->now_us - worker->base_us);
    return us > 0.0 ? us : 0.0;
}

/* ---- limits ---- */

/* When the first answer due counts as overdue, times `patience` (1: late; more: given up). */
static uint64_t overdue_us(const struct coordinator_core *core, const struct core_worker *worker,
                           double patience)
{
    const struct coordinator_core_settings *s = &core->settings;
    const struct core_hand *first = worker->hand;
    if (worker->hand_count == 0 || s->late_factor <= 0.0)
        return UINT64_MAX;
    const uint64_t base_us = worker->base_us > first->sent_us ? worker->base_us : first->sent_us;
    if (worker->starting) /* a device that never comes back must not hold a frame for ever */
        return base_us + s->starting_us;
    double us = (double)s->join_us;
    if (!isnan(first->predicted_us)) {
        const double due = first->predicted_us + worker->travel_us;
        us = due * s->late_factor;
        us = fmax(us, due + (double)s->late_us);
        us = fmax(us, due + 4.0 * worker->travel_dev_us);
        us = fmin(us, (double)s->join_us);
    }
    if (patience > 1.0)
        us = fmax(us * patience, (double)s->patience_us);
    return base_us + (uint64_t)us;
}

uint64_t core_watch_due_us(const struct coordinator_core *core, int w)
{
    const struct core_worker *worker = &core->workers[w];
    const struct coordinator_core_settings *s = &core->settings;
    uint64_t due = UINT64_MAX, other;
    if (worker->state == WORKER_ABSENT)
        return core->start_us + s->join_us;
    if (!core_worker_in_use(worker))
        return UINT64_MAX;
    if (worker->state == WORKER_PREPARING && core->assembling)
        due = core->assembling_us + s->join_us;
    if (s->silence_us > 0 && (other = worker->heard_us + silence_us(core, worker)) < due)
        due = other;
    if (worker->state == WORKER_READY &&
        (other = overdue_us(core, worker, worker->late ? 10.0 : 1.0)) < due)
        due = other;
    if (worker->bench_until_us > 0 && worker->bench_until_us < due)
        due = worker->bench_until_us;
    return due;
}

void core_watch_move(struct coordinator_core *core, uint64_t by_us)
{
    core->moved_us = core->now_us;
    by_us += MOVE_MORE_US;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        core->workers[w].heard_us += by_us;
        core->workers[w].base_us += by_us;
    }
    core->assembling_us += by_us;
}

/* Time went by without a timer's call although one was due: everybody's clock is put on. At most once
 * a second, or a machine whose timers are always late would never miss anybody. */
void core_time_passes(struct coordinator_core *core, uint64_t now_us)
{
    uint64_t due_us = UINT64_MAX;
    if (now_us <= core->now_us)
        return;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const uint64_t one = core_watch_due_us(core, w);
        due_us = one < due_us ? one : due_us;
    }
    if (due_us < core->now_us)
        due_us = core->now_us;
    core->now_us = now_us;
    if (now_us > due_us && now_us - due_us > MOVE_US &&
        (core->moved_us == 0 || now_us - core->moved_us > MOVE_EVERY_US))
        core_watch_move(core, now_us - due_us);
}

static void give_up_silent(struct coordinator_core *core, int w)
{
    const struct core_worker *worker = &core->workers[w];
    char why[96];
    if (worker->state == WORKER_ABSENT)
        snprintf(why, sizeof why, "no sign of it in %.1f s", (double)core->settings.join_us / 1e6);
    else if (worker->heard_us + silence_us(core, worker) <= core->now_us)
        snprintf(why, sizeof why, "silent for %.2f s",
                 (double)(core->now_us - worker->heard_us) / 1e6);
    else
        snprintf(why, sizeof why, "it did not get ready in %.1f s",
                 (double)core->settings.join_us / 1e6);
    core_worker_give_up(core, w, false, why);
}

void core_watch_check(struct coordinator_core *core, int w)
{
    struct core_worker *worker = &core->workers[w];
    char why[96];
    if (core_watch_due_us(core, w) > core->now_us)
        return;
    if (worker->bench_until_us > 0 && worker->bench_until_us <= core->now_us) {
        worker->bench_until_us = 0; /* another chance */
        if (core->geometry)
            core->geometry->replan_due = true;
        core_settle(core);
        return;
    }
    if (worker->state != WORKER_READY ||
        (core->settings.silence_us > 0 &&
         worker->heard_us + silence_us(core, worker) <= core->now_us)) {
        give_up_silent(core, w);
        return;
    }
    const struct core_hand first = worker->hand[0];
    if (worker->late || worker->starting) {
        snprintf(why, sizeof why, "no answer for frame %llu in %.1f s, although it beats",
                 (unsigned long long)first.seq, (double)(core->now_us - first.sent_us) / 1e6);
        core_worker_give_up(core, w, true, why);
    } else if (first.overtaken) { /* that answer was lost on the way; the worker works */
        hand_remove(worker, 0);
        core_worker_withdraw(core, w, &first);
        core_settle(core);
    } else {
        core_worker_suspect(core, w, &first);
    }
}
