/* Keeps orders of at least the configured amount; an order without a user is refused. */
#define SABOT_FILTER
#include "sabot.h"

enum { USER, AMOUNT };

static const sabot_field inputs[] = {{"user", SABOT_STRING, false}, {"amount", SABOT_FLOAT64, true}};

const sabot_component sabot_this = {
    .name = "large-orders-c",
    .version = "1.0.0",
    .inputs = inputs,
    .input_count = 2,
};

static double min;

const char *sabot_bind(sabot_text config) {
    min = sabot_config_number(config, "min", 100);
    return min < 0 ? "min is negative" : NULL;
}

bool sabot_select(const sabot_batch *batch, size_t row, sabot_refusal *refuse) {
    if (sabot_string(batch, USER, row).length == 0) {
        *refuse = (sabot_refusal){"no-user", "the order has no user", false};
        return false;
    }
    return !sabot_is_null(batch, AMOUNT, row) && sabot_float64(batch, AMOUNT, row) >= min;
}
