/* Adds a fee and a grade to every order; a negative amount is refused. */
#define SABOT_MAP
#include "sabot.h"

enum { AMOUNT };
enum { FEE, GRADE };

static const sabot_field inputs[] = {{"amount", SABOT_FLOAT64, true}};
static const sabot_field outputs[] = {{"fee", SABOT_FLOAT64, true}, {"grade", SABOT_STRING, false}};

const sabot_component sabot_this = {
    .name = "fee-c",
    .version = "1.0.0",
    .inputs = inputs,
    .input_count = 1,
    .outputs = outputs,
    .output_count = 2,
    .extends = true,
};

static double rate;

const char *sabot_bind(sabot_text config) {
    rate = sabot_config_number(config, "rate", 0.015);
    return NULL;
}

void sabot_map(const sabot_batch *batch, size_t row, sabot_output *out, sabot_refusal *refuse) {
    static const sabot_text none = {"none", 4}, small = {"small", 5}, large = {"large", 5};
    if (sabot_is_null(batch, AMOUNT, row)) {
        sabot_put_null(out, FEE);
        sabot_put_string(out, GRADE, none);
        return;
    }
    double amount = sabot_float64(batch, AMOUNT, row);
    if (amount < 0) {
        *refuse = (sabot_refusal){"negative-amount", "the amount is negative", false};
        return;
    }
    sabot_put_float64(out, FEE, amount * rate);
    sabot_put_string(out, GRADE, amount >= 500 ? large : small);
}
