/* How many decimals a currency's amounts have. */
#include <stddef.h>
#include <string.h>

#include "codec.h"
#include "currencies.h"

static const char *const codes_by_decimals[] = {
    CURRENCIES_WITHOUT_DECIMALS, "", CURRENCIES_WITH_2_DECIMALS, CURRENCIES_WITH_3_DECIMALS, CURRENCIES_WITH_4_DECIMALS,
};

int currency_decimals(const char *code) {
    if (strlen(code) != 3 || strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return -1;
    const char padded[] = {code[0], code[1], code[2], ' ', '\0'};
    for (size_t decimals = 0; decimals < sizeof codes_by_decimals / sizeof codes_by_decimals[0]; decimals++)
        if (strstr(codes_by_decimals[decimals], padded))
            return (int)decimals;
    return -1;
}
