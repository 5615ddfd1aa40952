/* make_model DIR SEED [LEVELS]: see random_model.h. */
#include <stdlib.h>

#include "tests/cluster/random_model.h"

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    return random_model_write(argv[1], strtoull(argv[2], NULL, 10), argc > 3 ? atoi(argv[3]) : 8);
}
