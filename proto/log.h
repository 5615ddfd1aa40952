/* Log lines on stderr, one per event: "muster[rank 2 @ host] error partition: text".
 *
 * An error is logged once, where it is first seen, with the values; callers above only pass the
 * status on. MUSTER_LOG=debug,partition shows the debug lines of one area; the default shows warnings and errors.
 */
#ifndef PROTO_LOG_H
#define PROTO_LOG_H

enum proto_log_level { PROTO_LOG_ERROR, PROTO_LOG_WARN, PROTO_LOG_INFO, PROTO_LOG_DEBUG };

/* area: the folder that speaks ("partition"). Thread-safe; one write per line. */
void proto_log(enum proto_log_level level, const char *area, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define proto_log_error(area, ...) proto_log(PROTO_LOG_ERROR, area, __VA_ARGS__)
#define proto_log_warn(area, ...)  proto_log(PROTO_LOG_WARN, area, __VA_ARGS__)
#define proto_log_info(area, ...)  proto_log(PROTO_LOG_INFO, area, __VA_ARGS__)
#define proto_log_debug(area, ...) proto_log(PROTO_LOG_DEBUG, area, __VA_ARGS__)

/* Highest level shown (default PROTO_LOG_WARN; MUSTER_LOG overrides). */
void proto_log_set_level(enum proto_log_level level);

/* Prefix of this process from now on; rank < 0 means no MPI. host is copied. */
void proto_log_set_identity(int rank, const char *host);

/* Send lines to a function instead of stderr (tests); NULL restores stderr. */
typedef void proto_log_sink(void *arg, enum proto_log_level level, const char *area,
                            const char *text);
void proto_log_set_sink(proto_log_sink *sink, void *arg);

#endif
