#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_arguments_add(struct cli_arguments *args, const char *word)
{
    const size_t bytes = strlen(word) + 1;
    if (args->count + 1 >= CLI_ARGUMENTS_MAX || args->used + bytes > sizeof args->text) {
        args->full = true;
        return;
    }
    args->list[args->count++] = memcpy(args->text + args->used, word, bytes);
    args->list[args->count] = NULL;
    args->used += bytes;
}

void cli_arguments_number(struct cli_arguments *args, const char *name, double value)
{
    char text[64];
    cli_arguments_add(args, name);
    snprintf(text, sizeof text, "%.10g", value);
    cli_arguments_add(args, text);
}

void cli_arguments_words(struct cli_arguments *args, const char *words)
{
    char word[4096];
    while (*(words += strspn(words, " \t"))) {
        const size_t len = strcspn(words, " \t");
        snprintf(word, sizeof word, "%.*s", (int)len, words);
        cli_arguments_add(args, word);
        words += len;
    }
}

char *cli_arguments_joined(const struct cli_arguments *args)
{
    size_t bytes = 1;
    for (int i = 0; i < args->count; i++)
        bytes += strlen(args->list[i]) + 1;
    char *text = calloc(1, bytes);
    for (int i = 0; text && i < args->count; i++) {
        strcat(text, args->list[i]);
        strcat(text, "\n");
    }
    return text;
}
