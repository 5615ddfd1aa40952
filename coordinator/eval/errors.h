/* The worst mistakes as pictures: the false alarms with the best scores and the persons missed. */
#ifndef COORDINATOR_EVAL_ERRORS_H
#define COORDINATOR_EVAL_ERRORS_H

#include "coordinator/eval/result.h"

/* Write up to `most` of each kind to `dir` (made when it is not there): false_alarm_01.jpg, .., miss_01.jpg, ..
 * and errors.csv, which says which is which. False alarms are those above the result's threshold, best
 * score first; misses are the persons not found at it, first those that no threshold would find, tallest
 * first, then by the score that would find them, lowest first. Colours: red false alarm or missed person,
 * green other persons, blue other detections above the threshold, grey ignore regions.
 * Returns PROTO_OK, PROTO_IO, PROTO_NOT_FOUND or PROTO_NO_MEMORY; logged. */
int eval_errors_write(const char *dir, const struct eval_result *result,
                      const struct eval_settings *settings, uint32_t most);

#endif
