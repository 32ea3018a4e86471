/* Who takes which currency, and which settings stop the start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec.h"
#include "provider.h"
#include "settings.h"

/* What one case sets; "" and NULL: not set. */
struct setup {
    const char *environment, *providers, *key_id, *key_secret, *razorpay_webhook, *stripe_key, *stripe_webhook,
        *publishable_key;
    const char *razorpay_url, *stripe_url, *public_url;
};

static const char * or (const char *text, const char *otherwise) {
    return text ? text : otherwise;
}

static void set(const struct setup *setup) {
    settings.environment = or (setup->environment, "development");
    settings.payment_providers = or (setup->providers, "");
    settings.razorpay_key_id = or (setup->key_id, "");
    settings.razorpay_key_secret = or (setup->key_secret, "");
    settings.razorpay_webhook_secret = or (setup->razorpay_webhook, "");
    settings.razorpay_api_url = or (setup->razorpay_url, "https://api.razorpay.com");
    settings.stripe_secret_key = or (setup->stripe_key, "");
    settings.stripe_publishable_key = or (setup->publishable_key, "");
    settings.stripe_webhook_secret = or (setup->stripe_webhook, "");
    settings.stripe_api_url = or (setup->stripe_url, "https://api.stripe.com");
    settings.public_url = or (setup->public_url, "https://tithi.example");
}

#define RAZORPAY .key_id = "rzp_test_1", .key_secret = "secret", .razorpay_webhook = "w"
#define STRIPE .stripe_key = "sk_test_1", .stripe_webhook = "whsec_1"
#define PRODUCTION .environment = "production"

static void test_check(void **state) {
    static const struct {
        struct setup setup;
        const char *problem; /* NULL: none */
    } cases[] = {
        {{0}, NULL},
        {{PRODUCTION}, NULL},
        {{RAZORPAY, STRIPE, PRODUCTION, .providers = "INR=razorpay, *=stripe"}, NULL},
        {{RAZORPAY, .providers = "INR=razorpay,*=sandbox"}, NULL},
        {{RAZORPAY, STRIPE, .razorpay_url = "http://127.0.0.1:9999", .stripe_url = "http://[::1]:9999"}, NULL},
        {{.key_id = "rzp_test_1"}, "RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET must be given together"},
        {{.key_secret = "secret"}, "RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET must be given together"},
        {{.publishable_key = "pk_test_1"}, "STRIPE_SECRET_KEY is not set, but STRIPE_PUBLISHABLE_KEY is"},
        {{.key_id = "a:b", .key_secret = "c"}, "RAZORPAY_KEY_ID holds a colon, which Basic authorization cannot carry"},
        {{.stripe_key = "sk\r\nX: y"}, "STRIPE_SECRET_KEY holds characters that no header can carry"},
        {{.key_id = "rzp_live_1", .key_secret = "s", PRODUCTION},
         "RAZORPAY_WEBHOOK_SECRET is not set: a forged webhook could not be told from a true one"},
        {{.stripe_key = "sk_live_1", PRODUCTION},
         "STRIPE_WEBHOOK_SECRET is not set: a forged webhook could not be told from a true one"},
        {{STRIPE, .public_url = ""}, "PUBLIC_URL is not set: Stripe needs a page to send people back to"},
        {{.razorpay_url = "http://api.razorpay.com"}, "RAZORPAY_API_URL must be https://, except on this machine"},
        {{.razorpay_url = "http://127.0.0.1.evil.example"},
         "RAZORPAY_API_URL must be https://, except on this machine"},
        {{.razorpay_url = "http://127.0.0.1:9", PRODUCTION}, "RAZORPAY_API_URL must be https:// in production"},
        {{.stripe_url = "https://api.stripe.com/v1"},
         "STRIPE_API_URL must be an address without user, path or query, like https://api.example.com"},
        {{.stripe_url = "https://user@api.stripe.com"},
         "STRIPE_API_URL must be an address without user, path or query, like https://api.example.com"},
        {{RAZORPAY, .providers = "razorpay"},
         "PAYMENT_PROVIDERS must be CURRENCY=provider or *=provider, separated by commas"},
        {{RAZORPAY, .providers = "INR=razorpay;*=stripe"},
         "PAYMENT_PROVIDERS must be CURRENCY=provider or *=provider, separated by commas"},
        {{RAZORPAY, .providers = "inr=razorpay"},
         "PAYMENT_PROVIDERS must be CURRENCY=provider or *=provider, separated by commas"},
        {{RAZORPAY, .providers = "XYZ=razorpay"}, "PAYMENT_PROVIDERS, XYZ=razorpay: there is no such currency"},
        {{RAZORPAY, .providers = "INR=paypal"}, "PAYMENT_PROVIDERS, INR=paypal: there is no such provider"},
        {{RAZORPAY, .providers = "INR=razorpay,*=stripe"},
         "PAYMENT_PROVIDERS, *=stripe: this provider's keys are not set"},
        {{RAZORPAY, .providers = "INR=razorpay,INR=razorpay"},
         "PAYMENT_PROVIDERS, INR=razorpay: this currency is there twice"},
        {{STRIPE, .providers = "ISK=stripe"},
         "PAYMENT_PROVIDERS, ISK=stripe: this provider does not take this currency"},
        {{.providers = "*=sandbox", PRODUCTION}, "PAYMENT_PROVIDERS, *=sandbox: the sandbox is not for production"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set(&cases[i].setup);
        const char *problem = providers_check();
        if (cases[i].problem) {
            assert_non_null(problem);
            assert_string_equal(problem, cases[i].problem);
        } else {
            assert_null(problem);
        }
    }
}

static void test_choice(void **state) {
    static const struct {
        struct setup setup;
        const char *currency, *provider; /* NULL: nobody */
    } cases[] = {
        {{0}, "INR", "sandbox"},
        {{0}, "KWD", "sandbox"},
        {{0}, "XYZ", NULL},
        {{PRODUCTION}, "INR", NULL},
        {{RAZORPAY}, "INR", "razorpay"},
        {{RAZORPAY}, "USD", "razorpay"},
        {{RAZORPAY}, "CDF", NULL},
        {{STRIPE}, "INR", "stripe"},
        {{STRIPE}, "MGA", NULL},
        {{STRIPE}, "UGX", NULL},
        {{RAZORPAY, STRIPE}, "INR", "razorpay"},
        {{RAZORPAY, STRIPE}, "USD", "stripe"},
        {{RAZORPAY, STRIPE}, "ISK", "razorpay"},
        {{RAZORPAY, STRIPE, .providers = "INR=stripe,*=razorpay"}, "INR", "stripe"},
        {{RAZORPAY, STRIPE, .providers = "INR=stripe,*=razorpay"}, "USD", "razorpay"},
        {{RAZORPAY, STRIPE, .providers = "INR=razorpay"}, "USD", NULL},
        {{RAZORPAY, .providers = "INR=razorpay,*=sandbox"}, "USD", "sandbox"},
        {{RAZORPAY, .providers = "*=sandbox", PRODUCTION}, "INR", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set(&cases[i].setup);
        const struct provider *provider = provider_for(cases[i].currency);
        if (cases[i].provider)
            assert_ptr_equal(provider, provider_named(cases[i].provider));
        else
            assert_null(provider);
    }
}

static void test_offers(void **state) {
    (void)state;
    set(&(struct setup){RAZORPAY, STRIPE, .providers = "INR=razorpay,*=sandbox"});
    assert_true(provider_offers(&provider_razorpay, "INR"));
    assert_true(provider_offers(&provider_stripe, "INR"));
    assert_false(provider_offers(&provider_sandbox, "INR")); /* that would be a free ticket */
    assert_true(provider_offers(&provider_sandbox, "USD"));
    assert_false(provider_offers(&provider_stripe, "ISK"));
    set(&(struct setup){RAZORPAY});
    assert_false(provider_offers(&provider_stripe, "INR"));
    assert_false(provider_offers(&provider_sandbox, "INR"));
    assert_null(provider_named("paypal"));
}

static void test_key_ids(void **state) {
    (void)state;
    set(&(struct setup){RAZORPAY, STRIPE, .publishable_key = "pk_test_1"});
    assert_string_equal(provider_razorpay.key_id(), "rzp_test_1");
    assert_string_equal(provider_stripe.key_id(), "pk_test_1");
    set(&(struct setup){STRIPE});
    assert_null(provider_razorpay.key_id());
    assert_null(provider_stripe.key_id());
    assert_null(provider_sandbox.key_id());
}

/* Every code of the providers' lists is a currency of ours, and every other text is none of theirs. */
static void test_currencies(void **state) {
    static const char *const texts[] = {"", "IN", "INRX", "inr", "ED ", " AE", "XXX"};
    char code[4] = "";
    int razorpay = 0, stripe = 0;
    (void)state;
    for (code[0] = 'A'; code[0] <= 'Z'; code[0]++)
        for (code[1] = 'A'; code[1] <= 'Z'; code[1]++)
            for (code[2] = 'A'; code[2] <= 'Z'; code[2]++) {
                razorpay += provider_razorpay.serves(code);
                stripe += provider_stripe.serves(code);
            }
    assert_int_equal(razorpay, 128);
    assert_int_equal(stripe, 136);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_false(provider_razorpay.serves(texts[i]));
        assert_false(provider_stripe.serves(texts[i]));
        assert_false(provider_sandbox.serves(texts[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),   cmocka_unit_test(test_choice),     cmocka_unit_test(test_offers),
        cmocka_unit_test(test_key_ids), cmocka_unit_test(test_currencies),
    };
    return cmocka_run_group_tests_name("providers", tests, NULL, NULL);
}
