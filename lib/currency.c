/* ISO 4217: which currencies there are, and how many decimals their amounts have. */
#include <stddef.h>
#include <string.h>

#include "codec.h"

/* Codes in one text per number of decimals. */
static const char *const codes_by_decimals[] = {
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
    "",
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
    "CHW CNY "
    "COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF "
    "IDR ILS "
    "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR "
    "MZN NAD "
    "NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN "
    "SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL ",
    "BHD IQD JOD KWD LYD OMR TND ",
    "CLF UYW ",
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
