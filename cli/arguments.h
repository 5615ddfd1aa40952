/* A command line that is built word by word. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

enum { CLI_ARGUMENTS_MAX = 2048, CLI_ARGUMENTS_BYTES = 1 << 16 };

/* Zeroed is empty. */
struct cli_arguments {
    char *list[CLI_ARGUMENTS_MAX]; /* NULL after the last one */
    int count;
    char text[CLI_ARGUMENTS_BYTES];
    size_t used;
    bool full; /* something was left out */
};

void cli_arguments_add(struct cli_arguments *args, const char *word);
void cli_arguments_number(struct cli_arguments *args, const char *name, double value);
/* Words apart at blanks. */
void cli_arguments_words(struct cli_arguments *args, const char *words);
/* One a line, from malloc; NULL without memory. */
char *cli_arguments_joined(const struct cli_arguments *args);

#endif
