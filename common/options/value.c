/*
 * Parsing and formatting of values by type. Every source (argv, environment, option file, defaults) passes its
 * text through here, so that a value means the same everywhere and a run's record reads back to the same bits.
 */
#include "common/options/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(enum cps_log_level) == sizeof(unsigned), "choices are stored as unsigned");

static void *field_of(struct cps_options *self, const struct cps_option *option)
{
    return (char *)self + option->offset;
}

static const void *field_in(const struct cps_options *self, const struct cps_option *option)
{
    return (const char *)self + option->offset;
}

static bool within(const struct cps_option *option, double value)
{
    bool low_kept = option->above_low ? value > option->low : value >= option->low;
    bool high_kept = option->below_high ? value < option->high : value <= option->high;
    return low_kept && high_kept;
}

static bool read_count(const struct cps_option *option, const char *text, uint32_t *out)
{
    uint64_t value = 0;
    if (!option->word || strcmp(text, option->word) != 0) {
        if (!cps_text_to_u64(text, &value) || !within(option, (double)value))
            return false;
    }
    *out = (uint32_t)value;
    return true;
}

static bool read_big(const struct cps_option *option, const char *text, uint64_t *out)
{
    uint64_t value;
    if (!cps_text_to_u64(text, &value) || value < (uint64_t)option->low)
        return false;
    *out = value;
    return true;
}

static bool read_real(const struct cps_option *option, const char *text, double *out)
{
    if (option->word && strcmp(text, option->word) == 0) {
        *out = NAN;
        return true;
    }
    if (option->other && strcmp(text, option->other) == 0) {
        *out = (double)INFINITY;
        return true;
    }
    double value;
    if (!cps_text_to_double(text, &value) || !within(option, value))
        return false;
    *out = value + 0.0; /* -0 becomes 0 */
    return true;
}

static bool read_choice(const struct cps_option *option, const char *text, unsigned *out)
{
    for (unsigned i = 0; option->choices[i]; i++) {
        if (strcmp(text, option->choices[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool read_flag(const char *text, bool *out)
{
    static const char *const names[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool read_range(const char *text, struct cps_y_range *out)
{
    if (strcmp(text, "none") == 0 || strcmp(text, "auto") == 0) {
        *out = (struct cps_y_range){.kind = text[0] == 'n' ? CPS_Y_RANGE_NONE : CPS_Y_RANGE_AUTO};
        return true;
    }
    char low_text[64];
    const char *comma = strchr(text, ',');
    if (!comma || (size_t)(comma - text) >= sizeof low_text)
        return false;
    memcpy(low_text, text, (size_t)(comma - text));
    low_text[comma - text] = '\0';
    double lo, hi;
    if (!cps_text_to_double(low_text, &lo) || !cps_text_to_double(comma + 1, &hi))
        return false;
    *out = (struct cps_y_range){CPS_Y_RANGE_GIVEN, (float)lo, (float)hi};
    return isfinite(out->lo) && isfinite(out->hi) && out->lo < out->hi && isfinite(out->hi - out->lo);
}

/* "off", "N", "Nsteps" */
static bool read_period(const char *text, struct cps_period *out)
{
    static const char unit[] = "steps";
    char digits[24];
    size_t length = strspn(text, "0123456789");
    uint64_t count;
    *out = (struct cps_period){0};
    if (strcmp(text, "off") == 0)
        return true;
    if (length == 0 || length >= sizeof digits || (text[length] && strcmp(text + length, unit) != 0))
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (!cps_text_to_u64(digits, &count) || count == 0 || count > UINT32_MAX)
        return false;
    *out = (struct cps_period){.count = (uint32_t)count, .steps = text[length] != '\0'};
    return true;
}

/* "2/5" or "none" */
static bool read_fold(const char *text, struct cps_fold *out)
{
    char number[16];
    uint64_t first, folds;
    *out = (struct cps_fold){0};
    if (strcmp(text, "none") == 0)
        return true;
    size_t length = strcspn(text, "/");
    if (!text[length] || length >= sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)length, text);
    if (!cps_text_to_u64(number, &first) || !cps_text_to_u64(text + length + 1, &folds) || first < 1 ||
        first > folds || folds < 2 || folds > CPS_MOST_FOLDS)
        return false;
    *out = (struct cps_fold){.number = (uint32_t)first, .folds = (uint32_t)folds};
    return true;
}

static enum cps_status copy_string(const struct cps_option *option, const char *text, char **field)
{
    char *copy = strdup(text);
    if (!copy)
        return cps_fail_memory(option->name, strlen(text) + 1);
    free(*field);
    *field = copy;
    return CPS_OK;
}

static bool read_value(void *field, const struct cps_option *option, const char *text)
{
    switch (option->type) {
    case CPS_OPTION_COUNT:
        return read_count(option, text, field);
    case CPS_OPTION_BIG:
        return read_big(option, text, field);
    case CPS_OPTION_REAL:
        return read_real(option, text, field);
    case CPS_OPTION_CHOICE:
        return read_choice(option, text, field);
    case CPS_OPTION_FLAG:
        return read_flag(text, field);
    case CPS_OPTION_RANGE:
        return read_range(text, field);
    case CPS_OPTION_FOLD:
        return read_fold(text, field);
    case CPS_OPTION_PERIOD:
        return read_period(text, field);
    case CPS_OPTION_STRING:
    case CPS_OPTION_ACTION:
        break;
    }
    return false;
}

/* Reports that option does not allow text. */
static enum cps_status refuse(const struct cps_option *option, const char *text,
                              const struct cps_option_origin *origin)
{
    struct cps_text allowed = {0};
    enum cps_status status = cps_option_allowed(option, &allowed);
    if (status == CPS_OK)
        status = cps_fail(CPS_ERR_USAGE, "%sbad value '%.200s' for '%s': expected %s", origin->where, text,
                          origin->name, allowed.data);
    cps_text_release(&allowed);
    const char *nearest = option->choices ? cps_nearest_name(text, option->choices) : NULL;
    if (status == CPS_ERR_USAGE && nearest)
        cps_hint(status, "did you mean '%s'?", nearest);
    return status;
}

/* Reports a documented choice that this version does not implement yet. */
static enum cps_status refuse_later(const struct cps_option *option, const char *text,
                                    const struct cps_option_origin *origin)
{
    enum cps_status status =
        cps_fail(CPS_ERR_USAGE, "%s'%s' for '%s' is not available yet", origin->where, text, origin->name);
    return cps_hint(status, "the default is '%s'", option->fallback);
}

static bool is_later(const struct cps_option *option, const void *field)
{
    unsigned choice;
    if (option->type != CPS_OPTION_CHOICE)
        return false;
    memcpy(&choice, field, sizeof choice);
    return (option->later >> choice & 1) != 0;
}

enum cps_status cps_option_set(struct cps_options *self, const struct cps_option *option, const char *text,
                               const struct cps_option_origin *origin)
{
    void *field = field_of(self, option);
    if (option->type == CPS_OPTION_STRING) {
        if (text[0] == '\0')
            return refuse(option, text, origin);
        CPS_TRY(copy_string(option, text, field));
    } else {
        if (!read_value(field, option, text))
            return refuse(option, text, origin);
        if (is_later(option, field))
            return refuse_later(option, text, origin);
    }
    self->sources[cps_option_index(option)] = (uint8_t)origin->source;
    return CPS_OK;
}

enum cps_status cps_option_reset(struct cps_options *self, const struct cps_option *option)
{
    self->sources[cps_option_index(option)] = CPS_SOURCE_DEFAULT;
    if (option->type == CPS_OPTION_STRING) {
        char **field = field_of(self, option);
        free(*field);
        *field = NULL;
    }
    if (!option->fallback)
        return CPS_OK;
    const struct cps_option_origin origin = {CPS_SOURCE_DEFAULT, "", option->name};
    return cps_option_set(self, option, option->fallback, &origin);
}

enum cps_status cps_option_reset_all(struct cps_options *self)
{
    for (size_t i = 0; i < cps_option_count; i++) {
        if (cps_option_table[i].commands & 1u << self->command)
            CPS_TRY(cps_option_reset(self, &cps_option_table[i]));
    }
    return CPS_OK;
}

bool cps_option_has_value(const struct cps_options *self, const struct cps_option *option)
{
    if (option->type == CPS_OPTION_STRING)
        return *(char *const *)field_in(self, option) != NULL;
    return option->type != CPS_OPTION_ACTION;
}

/* Adds the shortest decimal that reads back as value, as a double or as a float, without exponent for whole
 * numbers of ordinary size. */
static enum cps_status format_number(double value, bool single, struct cps_text *out)
{
    char text[40];
    if (trunc(value) == value && fabs(value) < 1e9)
        return cps_text_add(out, "%.0f", value);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    return cps_text_add(out, "%s", text);
}

static enum cps_status format_range(const struct cps_y_range *range, struct cps_text *out)
{
    if (range->kind != CPS_Y_RANGE_GIVEN)
        return cps_text_add(out, "%s", range->kind == CPS_Y_RANGE_NONE ? "none" : "auto");
    CPS_TRY(format_number((double)range->lo, true, out));
    CPS_TRY(cps_text_add(out, ","));
    return format_number((double)range->hi, true, out);
}

static enum cps_status format_period(const struct cps_period *period, struct cps_text *out)
{
    if (period->count == 0)
        return cps_text_add(out, "off");
    return cps_text_add(out, "%u%s", (unsigned)period->count, period->steps ? "steps" : "");
}

static enum cps_status format_count(const struct cps_option *option, uint32_t value, struct cps_text *out)
{
    if (value == 0 && option->word)
        return cps_text_add(out, "%s", option->word);
    return cps_text_add(out, "%u", (unsigned)value);
}

static enum cps_status format_real(const struct cps_option *option, double value, struct cps_text *out)
{
    if (isnan(value) || isinf(value))
        return cps_text_add(out, "%s", isnan(value) ? option->word : option->other);
    return format_number(value, false, out);
}

static enum cps_status format_fold(const struct cps_fold *fold, struct cps_text *out)
{
    if (fold->folds == 0)
        return cps_text_add(out, "none");
    return cps_text_add(out, "%u/%u", fold->number, fold->folds);
}

enum cps_status cps_option_format(const struct cps_options *self, const struct cps_option *option,
                                  struct cps_text *out)
{
    const void *field = field_in(self, option);
    if (!cps_option_has_value(self, option))
        return CPS_OK;
    switch (option->type) {
    case CPS_OPTION_STRING:
        return cps_text_add(out, "%s", *(char *const *)field);
    case CPS_OPTION_COUNT:
        return format_count(option, *(const uint32_t *)field, out);
    case CPS_OPTION_BIG:
        return cps_text_add(out, "%llu", (unsigned long long)*(const uint64_t *)field);
    case CPS_OPTION_REAL:
        return format_real(option, *(const double *)field, out);
    case CPS_OPTION_CHOICE:
        return cps_text_add(out, "%s", option->choices[*(const unsigned *)field]);
    case CPS_OPTION_FLAG:
        return cps_text_add(out, "%s", *(const bool *)field ? "on" : "off");
    case CPS_OPTION_RANGE:
        return format_range(field, out);
    case CPS_OPTION_FOLD:
        return format_fold(field, out);
    case CPS_OPTION_PERIOD:
        return format_period(field, out);
    case CPS_OPTION_ACTION:
        break;
    }
    return CPS_OK;
}

enum cps_status cps_option_choices(const struct cps_option *option, struct cps_text *out)
{
    const char *const *choices = option->choices;
    for (size_t i = 0; choices[i]; i++) {
        const char *between = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
        CPS_TRY(cps_text_add(out, "%s%s", between, choices[i]));
    }
    return CPS_OK;
}

static enum cps_status allowed_number(const struct cps_option *option, struct cps_text *out)
{
    bool whole = option->type != CPS_OPTION_REAL;
    CPS_TRY(cps_text_add(out, whole ? "a whole number " : "a number "));
    if (option->type == CPS_OPTION_BIG)
        return cps_text_add(out, "from %.0f to 18446744073709551615", option->low);
    CPS_TRY(cps_text_add(out, option->above_low ? "above " : "from "));
    CPS_TRY(
        cps_text_add(out, "%.10g %s %.10g", option->low, option->below_high ? "to below" : "to", option->high));
    if (option->other)
        CPS_TRY(cps_text_add(out, ", '%s'", option->other));
    return option->word ? cps_text_add(out, ", or '%s'", option->word) : CPS_OK;
}

enum cps_status cps_option_allowed(const struct cps_option *option, struct cps_text *out)
{
    switch (option->type) {
    case CPS_OPTION_COUNT:
    case CPS_OPTION_BIG:
    case CPS_OPTION_REAL:
        return allowed_number(option, out);
    case CPS_OPTION_CHOICE:
        return cps_option_choices(option, out);
    case CPS_OPTION_FLAG:
        return cps_text_add(out, "on or off");
    case CPS_OPTION_RANGE:
        return cps_text_add(out, "LO,HI with LO below HI, 'none' or 'auto'");
    case CPS_OPTION_FOLD:
        return cps_text_add(out, "I/K, the number of the fold and the number of folds, as in '1/5', or 'none'");
    case CPS_OPTION_PERIOD:
        return cps_text_add(out, "a number of epochs, a number of steps as in '500steps', or 'off'");
    case CPS_OPTION_STRING:
    case CPS_OPTION_ACTION:
        break;
    }
    return cps_text_add(out, "some text");
}
