/* Evidence for and against a guess of columns; see guess.h. Used by columns.c once per file. */
#include "common/data/guess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "common/data/sample_lines.h"

/* Fewer lines prove nothing. */
#define ENOUGH_LINES 10
/* The probability below which values are not equal by chance. */
#define IMPROBABLE 1e-6
/* A value that ratings hardly ever reach. */
#define LARGE_RATING 1e6f
/* Different whole numbers on a scale from 0 to 100. */
#define SCALE_STEPS 101

/* Statistics of one column over the sampled lines. */
struct traits {
    bool is_numeric;   /* most values are numbers */
    bool is_whole;     /* all of the numbers are whole */
    bool counts_lines; /* each value is one more than that of the line before */
    size_t distinct;   /* different values */
    float largest;     /* by size */
};

/* A value of a column and the key that it is grouped by. */
struct entry {
    uint64_t key, value;
};

struct evidence {
    struct cps_sample_lines lines;
    struct traits traits[CPS_GUESS_COLUMNS];
    struct entry *entries; /* [rows], scratch */
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static uint64_t hash_at(const struct evidence *self, size_t row, size_t column)
{
    return cps_sample_cell(&self->lines, row, column)->hash;
}

/* Sorts the rows by column 'key', and within it by column 'value'. */
static void sort_by(struct evidence *self, size_t key, size_t value)
{
    for (size_t row = 0; row < self->lines.rows; row++)
        self->entries[row] = (struct entry){hash_at(self, row, key), hash_at(self, row, value)};
    qsort(self->entries, self->lines.rows, sizeof *self->entries, compare_entries);
}

static size_t count_distinct(struct evidence *self, size_t column)
{
    size_t distinct = 1;
    sort_by(self, column, column);
    for (size_t row = 1; row < self->lines.rows; row++)
        distinct += self->entries[row].key != self->entries[row - 1].key;
    return distinct;
}

/* The number of rows whose pair of columns a and b also occurs in an earlier row. */
static size_t count_repeated_pairs(struct evidence *self, size_t a, size_t b)
{
    size_t repeated = 0;
    sort_by(self, a, b);
    for (size_t row = 1; row < self->lines.rows; row++)
        repeated += compare_entries(&self->entries[row - 1], &self->entries[row]) == 0;
    return repeated;
}

/* The probability that two rows have the same value in the column. */
static double chance_of_equal(struct evidence *self, size_t column)
{
    size_t rows = self->lines.rows;
    double equal = 0, run = 0;
    sort_by(self, column, column);
    for (size_t row = 0; row < rows; row++) {
        run++;
        if (row + 1 == rows || self->entries[row + 1].key != self->entries[row].key) {
            equal += run * run;
            run = 0;
        }
    }
    return equal / ((double)rows * (double)rows);
}

/* Whether column 'value' is the same in all rows that share a 'key', and not by chance. */
static bool depends_on(struct evidence *self, size_t value, size_t key)
{
    double chance = chance_of_equal(self, value);
    size_t neighbours = 0;
    sort_by(self, key, value);
    for (size_t row = 1; row < self->lines.rows; row++) {
        const struct entry *before = &self->entries[row - 1], *here = &self->entries[row];
        if (before->key != here->key)
            continue;
        if (before->value != here->value)
            return false;
        neighbours++;
    }
    return pow(chance, (double)neighbours) < IMPROBABLE;
}

static struct traits traits_of(struct evidence *self, size_t column)
{
    const struct cps_sample_lines *lines = &self->lines;
    struct traits traits = {.is_whole = true, .counts_lines = true};
    size_t numbers = 0, continued = 0;
    for (size_t row = 0; row < lines->rows; row++) {
        const struct cps_cell *cell = cps_sample_cell(lines, row, column);
        if (!cell->is_number) {
            traits.counts_lines = false;
            continue;
        }
        numbers++;
        traits.is_whole = traits.is_whole && cell->value == rintf(cell->value);
        traits.largest = fmaxf(traits.largest, fabsf(cell->value));
        if (!lines->continues[row])
            continue;
        continued++;
        if (cell->value != cps_sample_cell(lines, row - 1, column)->value + 1)
            traits.counts_lines = false;
    }
    traits.is_numeric = numbers * 2 > lines->rows;
    traits.counts_lines = traits.counts_lines && continued > 0;
    traits.distinct = count_distinct(self, column);
    return traits;
}

/* Whether the values repeat, and have the magnitude, as expected of ratings. */
static bool looks_like_ratings(const struct evidence *self, size_t column)
{
    const struct traits *traits = &self->traits[column];
    if (!traits->is_numeric || traits->largest >= LARGE_RATING)
        return false;
    if (!traits->is_whole)
        return traits->distinct * 10 <= self->lines.rows * 9 && traits->largest <= 1000;
    return traits->distinct <= 11 ||
           (traits->distinct <= SCALE_STEPS && traits->distinct * 2 <= self->lines.rows);
}

/* Whether far fewer pairs would repeat with another column in place of 'column'; that one is then the id. */
static bool is_swapped(struct evidence *self, size_t a, size_t b, size_t other)
{
    size_t repeated = count_repeated_pairs(self, a, b);
    return repeated * 5 > self->lines.rows && count_repeated_pairs(self, a, other) * 2 < repeated;
}

static bool is_role(const struct cps_guess *guess, size_t column)
{
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++)
        if (guess->column[role] == column)
            return true;
    return false;
}

#define REFUSE(...) snprintf(reason, CPS_GUESS_REASON_BYTES, __VA_ARGS__)

/* Checks that the rating column looks like ratings, and is the only one that does. */
static void judge_rating(struct evidence *self, const struct cps_guess *guess, char *reason)
{
    size_t user = guess->column[CPS_COLUMN_USER], item = guess->column[CPS_COLUMN_ITEM],
           rating = guess->column[CPS_COLUMN_RATING];
    const struct traits *traits = &self->traits[rating];
    if (!traits->is_numeric) {
        REFUSE("column %zu is not made of numbers", rating + 1);
    } else if (traits->largest >= LARGE_RATING) {
        REFUSE("column %zu has values up to %.0f, too large for ratings", rating + 1, (double)traits->largest);
    } else if (!looks_like_ratings(self, rating)) {
        REFUSE("column %zu has %zu different values in %zu lines, too many for ratings", rating + 1,
               traits->distinct, self->lines.rows);
    } else if (traits->distinct > 1 && depends_on(self, rating, user)) {
        REFUSE("column %zu is the same in all lines of a user (column %zu)", rating + 1, user + 1);
    } else if (traits->distinct > 1 && depends_on(self, rating, item)) {
        REFUSE("column %zu is the same in all lines of an item (column %zu)", rating + 1, item + 1);
    } else {
        for (size_t other = 0; other < self->lines.columns; other++)
            if (!is_role(guess, other) && self->traits[other].distinct > 1 && looks_like_ratings(self, other)) {
                REFUSE("columns %zu and %zu both look like ratings", rating + 1, other + 1);
                return;
            }
    }
}

/* Checks that the id columns look like ids. */
static void judge_ids(struct evidence *self, const struct cps_guess *guess, char *reason)
{
    size_t user = guess->column[CPS_COLUMN_USER], item = guess->column[CPS_COLUMN_ITEM],
           rating = guess->column[CPS_COLUMN_RATING];
    if (guess->guessed[CPS_COLUMN_USER] && self->traits[user].counts_lines)
        REFUSE("column %zu numbers the lines", user + 1);
    else if (guess->guessed[CPS_COLUMN_ITEM] && self->traits[item].counts_lines)
        REFUSE("column %zu numbers the lines", item + 1);
    else if (is_swapped(self, user, item, rating))
        REFUSE("column %zu looks more like items than column %zu", rating + 1, item + 1);
    else if (is_swapped(self, item, user, rating))
        REFUSE("column %zu looks more like users than column %zu", rating + 1, user + 1);
}

static bool can_be_an_id(const struct evidence *self, size_t column)
{
    const struct traits *traits = &self->traits[column];
    return !(traits->is_numeric && traits->largest >= 1e8f) && traits->distinct > 1;
}

/* If only the rating column is known, any other column may be the user or the item. */
static void judge_rest(const struct evidence *self, const struct cps_guess *guess, char *reason)
{
    for (size_t other = 0; other < self->lines.columns; other++)
        if (!is_role(guess, other) && can_be_an_id(self, other)) {
            REFUSE("column %zu may be the user or the item as well", other + 1);
            return;
        }
}

static void judge(struct evidence *self, const struct cps_guess *guess, char *reason)
{
    for (size_t column = 0; column < self->lines.columns; column++)
        self->traits[column] = traits_of(self, column);
    if (guess->guessed[CPS_COLUMN_RATING])
        judge_rating(self, guess, reason);
    else
        judge_rest(self, guess, reason);
    if (!reason[0])
        judge_ids(self, guess, reason);
}

static bool within_sample(const struct cps_guess *guess)
{
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++)
        if (guess->column[role] >= CPS_GUESS_COLUMNS)
            return false;
    return true;
}

enum cps_status cps_guess_check(const struct cps_guess *self, const struct cps_source *source,
                                char reason[CPS_GUESS_REASON_BYTES])
{
    struct evidence evidence = {0};
    reason[0] = '\0';
    if (self->count > CPS_GUESS_COLUMNS || !within_sample(self)) {
        REFUSE("too many to guess");
        return CPS_OK;
    }
    enum cps_status status = cps_sample_lines_take(&evidence.lines, source, self->delimiter, self->data,
                                                   self->count, CPS_GUESS_COLUMNS);
    if (status == CPS_OK)
        status = cps_alloc("sampled lines", evidence.lines.rows, sizeof *evidence.entries, &evidence.entries);
    if (status == CPS_OK && evidence.lines.rows >= ENOUGH_LINES)
        judge(&evidence, self, reason);
    free(evidence.entries);
    cps_sample_lines_release(&evidence.lines);
    return status;
}

enum cps_status cps_guess_row_names(const struct cps_source *source, const struct cps_delimiter *delimiter,
                                    const char *data, size_t count, bool *out)
{
    struct evidence evidence = {0};
    enum cps_status status = cps_sample_lines_take(&evidence.lines, source, delimiter, data, count, 1);
    if (status == CPS_OK)
        status = cps_alloc("sampled lines", evidence.lines.rows, sizeof *evidence.entries, &evidence.entries);
    size_t rows = evidence.lines.rows;
    if (status == CPS_OK)
        *out = rows >= 2 && count_distinct(&evidence, 0) == rows;
    free(evidence.entries);
    cps_sample_lines_release(&evidence.lines);
    return status;
}
