/*
 * Sorts ids into rows; see vocabulary.h. Runs after the last rating is read and
 * before rows are assigned to samples.
 *
 *     text     #na#12345…          names back to back
 *     offsets  0 4 5 6 …           rows + 1 of them
 */
#include "common/data/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

#define NA_BYTES (sizeof CPS_NA_NAME - 1)

/* An id to be sorted. */
struct entry {
    uint64_t value;   /* of an integer */
    const char *text; /* of a string */
    uint32_t length;
    uint32_t number;
};

/* Names under construction. */
struct names {
    struct cps_text text;
    uint64_t *offsets;
    uint32_t rows, capacity;
};

void cps_vocabulary_release(struct cps_vocabulary *self)
{
    free((void *)(uintptr_t)self->text);
    free((void *)(uintptr_t)self->offsets);
    *self = (struct cps_vocabulary){0};
}

enum cps_status cps_vocabulary_copy(const struct cps_vocabulary *from, struct cps_vocabulary *out)
{
    uint64_t bytes = from->offsets[from->rows], *offsets = NULL;
    char *text = NULL;
    enum cps_status status = cps_alloc("names", (size_t)from->rows + 1, sizeof *offsets, &offsets);
    if (status == CPS_OK)
        status = cps_alloc("names", bytes + 1, 1, &text);
    if (status != CPS_OK) {
        free(offsets);
        return status;
    }
    memcpy(offsets, from->offsets, ((size_t)from->rows + 1) * sizeof *offsets);
    memcpy(text, from->text, bytes);
    *out = (struct cps_vocabulary){.rows = from->rows, .text = text, .offsets = offsets};
    return CPS_OK;
}

const char *cps_vocabulary_name(const struct cps_vocabulary *self, uint32_t row, uint64_t *length)
{
    *length = self->offsets[row + 1] - self->offsets[row];
    return self->text + self->offsets[row];
}

static void names_release(struct names *self)
{
    cps_text_release(&self->text);
    free(self->offsets);
}

static enum cps_status names_init(struct names *self, uint32_t capacity)
{
    *self = (struct names){.capacity = capacity};
    return cps_alloc("names", (size_t)capacity + 1, sizeof *self->offsets, &self->offsets);
}

/* Ends the name whose bytes were just added. */
static void names_end_row(struct names *self)
{
    self->offsets[++self->rows] = self->text.length;
}

static enum cps_status names_add(struct names *self, const char *text, size_t length)
{
    CPS_TRY(cps_text_add_bytes(&self->text, text, length));
    names_end_row(self);
    return CPS_OK;
}

/* Moves the names to the output, or drops them if status is an error. */
static enum cps_status names_finish(struct names *self, enum cps_status status, struct cps_vocabulary *out)
{
    if (status != CPS_OK) {
        names_release(self);
        return status;
    }
    *out = (struct cps_vocabulary){.rows = self->rows, .text = self->text.data, .offsets = self->offsets};
    return CPS_OK;
}

static int compare_values(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static int compare_texts(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    uint32_t shorter = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, shorter);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

static bool is_na(const struct cps_ids *ids, uint32_t number)
{
    return ids->length[number] == NA_BYTES &&
           memcmp(ids->text.data + ids->key[number], CPS_NA_NAME, NA_BYTES) == 0;
}

/* The used ids except '#na#', which already has its row. *integers: whether all are integers. */
static uint32_t gather(const struct cps_ids *ids, const bool *used, struct entry *entries, bool *integers)
{
    uint32_t count = 0;
    *integers = true;
    for (uint32_t n = 0; n < ids->count; n++) {
        if ((used && !used[n]) || is_na(ids, n))
            continue;
        bool integer = cps_ids_is_integer(ids, n);
        *integers = *integers && integer;
        entries[count++] = (struct entry){
            .value = ids->key[n],
            .text = integer ? NULL : ids->text.data + ids->key[n],
            .length = ids->length[n],
            .number = n,
        };
    }
    return count;
}

/* Converts integers among strings to text, stored in arena. */
static enum cps_status spell_integers(struct entry *entries, uint32_t count, struct cps_text *arena)
{
    char digits[CPS_ID_INTEGER_BYTES];
    for (uint32_t i = 0; i < count; i++)
        if (!entries[i].text) {
            entries[i].length = (uint32_t)cps_id_from_integer(entries[i].value, digits);
            CPS_TRY(cps_text_add_bytes(arena, digits, entries[i].length));
        }
    const char *next = arena->data;
    for (uint32_t i = 0; i < count; i++)
        if (!entries[i].text) {
            entries[i].text = next;
            next += entries[i].length;
        }
    return CPS_OK;
}

static enum cps_status name_entries(const struct entry *entries, uint32_t count, bool integers,
                                    struct names *names, uint32_t *row_of)
{
    char digits[CPS_ID_INTEGER_BYTES];
    CPS_TRY(names_add(names, CPS_NA_NAME, NA_BYTES));
    for (uint32_t i = 0; i < count; i++) {
        row_of[entries[i].number] = i + 1;
        if (integers)
            CPS_TRY(names_add(names, digits, cps_id_from_integer(entries[i].value, digits)));
        else
            CPS_TRY(names_add(names, entries[i].text, entries[i].length));
    }
    return CPS_OK;
}

static enum cps_status sort_and_name(struct entry *entries, uint32_t count, bool integers,
                                     struct cps_vocabulary *out, uint32_t *row_of)
{
    struct cps_text arena = {0};
    struct names names = {0};
    enum cps_status status = integers ? CPS_OK : spell_integers(entries, count, &arena);
    if (status == CPS_OK) {
        qsort(entries, count, sizeof *entries, integers ? compare_values : compare_texts);
        status = names_init(&names, count + 1);
    }
    if (status == CPS_OK)
        status = name_entries(entries, count, integers, &names, row_of);
    cps_text_release(&arena);
    return names_finish(&names, status, out);
}

enum cps_status cps_vocabulary_build(const struct cps_ids *ids, const bool *used, struct cps_vocabulary *out,
                                     uint32_t **row_of)
{
    struct entry *entries = NULL;
    uint32_t *rows = NULL;
    enum cps_status status = cps_alloc("a vocabulary", ids->count, sizeof *entries, &entries);
    if (status == CPS_OK)
        status = cps_alloc("a vocabulary", ids->count, sizeof *rows, &rows);
    if (status == CPS_OK) {
        bool integers;
        uint32_t count = gather(ids, used, entries, &integers);
        status = sort_and_name(entries, count, integers, out, rows);
    }
    free(entries);
    if (status == CPS_OK)
        *row_of = rows;
    else
        free(rows);
    return status;
}

bool cps_vocabulary_ids_are_rows(const struct cps_ids *ids, uint32_t given_rows)
{
    for (uint32_t n = 0; n < ids->count; n++)
        if (!is_na(ids, n) && (!cps_ids_is_integer(ids, n) || ids->key[n] >= given_rows))
            return false;
    return true;
}

static enum cps_status name_numbers(uint32_t given_rows, struct names *names)
{
    char digits[CPS_ID_INTEGER_BYTES];
    CPS_TRY(names_init(names, given_rows));
    CPS_TRY(names_add(names, CPS_NA_NAME, NA_BYTES));
    for (uint32_t row = 1; row < given_rows; row++)
        CPS_TRY(names_add(names, digits, cps_id_from_integer(row, digits)));
    return CPS_OK;
}

enum cps_status cps_vocabulary_of_rows(const struct cps_ids *ids, uint32_t given_rows,
                                       struct cps_vocabulary *out, uint32_t **row_of)
{
    struct names names = {0};
    uint32_t *rows;
    CPS_TRY(cps_alloc("a vocabulary", ids->count, sizeof *rows, &rows));
    for (uint32_t n = 0; n < ids->count; n++)
        rows[n] = is_na(ids, n) ? 0 : (uint32_t)ids->key[n];
    enum cps_status status = names_finish(&names, name_numbers(given_rows, &names), out);
    if (status == CPS_OK)
        *row_of = rows;
    else
        free(rows);
    return status;
}

/* Groups id numbers by row, keeping the order of 'ordered': those of row r become
 * grouped[start[r] .. start[r+1]). start has rows + 1 zeroes. */
static void group_by_row(const uint32_t *ordered, uint32_t count, const uint32_t *row_of, uint32_t rows,
                         uint32_t *start, uint32_t *grouped)
{
    for (uint32_t i = 0; i < count; i++)
        start[row_of[ordered[i]] + 1]++;
    for (uint32_t r = 0; r < rows; r++)
        start[r + 1] += start[r];
    for (uint32_t i = 0; i < count; i++)
        grouped[start[row_of[ordered[i]]]++] = ordered[i];
    /* Each start now holds the start of the next row. */
    memmove(start + 1, start, rows * sizeof *start);
    start[0] = 0;
}

static enum cps_status name_groups(const struct cps_ids *ids, const uint32_t *start, const uint32_t *grouped,
                                   uint32_t rows, struct names *names)
{
    CPS_TRY(names_init(names, rows));
    CPS_TRY(names_add(names, CPS_NA_NAME, NA_BYTES));
    for (uint32_t r = 1; r < rows; r++) {
        for (uint32_t i = start[r]; i < start[r + 1]; i++) {
            char digits[CPS_ID_INTEGER_BYTES];
            size_t length;
            const char *id = cps_ids_text(ids, grouped[i], digits, &length);
            if (i > start[r])
                CPS_TRY(cps_text_add_bytes(&names->text, "|", 1));
            CPS_TRY(cps_text_add_bytes(&names->text, id, length));
        }
        names_end_row(names);
    }
    return CPS_OK;
}

/* The numbers of ids in the order their own vocabulary has. '#na#' comes first. */
static enum cps_status order_ids(const struct cps_ids *ids, uint32_t *ordered, uint32_t *count)
{
    struct cps_vocabulary natural;
    uint32_t *natural_row;
    CPS_TRY(cps_vocabulary_build(ids, NULL, &natural, &natural_row));
    bool has_na = natural.rows == ids->count;
    for (uint32_t n = 0; n < ids->count; n++)
        ordered[has_na ? natural_row[n] : natural_row[n] - 1] = n;
    *count = ids->count;
    cps_vocabulary_release(&natural);
    free(natural_row);
    return CPS_OK;
}

enum cps_status cps_vocabulary_of_groups(const struct cps_ids *ids, const uint32_t *row_of, uint32_t rows,
                                         struct cps_vocabulary *out)
{
    uint32_t *ordered = NULL, *start = NULL, *grouped = NULL, count = 0;
    struct names names = {0};
    enum cps_status status = cps_alloc("item ids", ids->count, sizeof *ordered, &ordered);
    if (status == CPS_OK)
        status = cps_alloc("item ids", (size_t)rows + 1, sizeof *start, &start);
    if (status == CPS_OK)
        status = cps_alloc("item ids", ids->count, sizeof *grouped, &grouped);
    if (status == CPS_OK)
        status = order_ids(ids, ordered, &count);
    if (status == CPS_OK) {
        group_by_row(ordered, count, row_of, rows, start, grouped);
        status = name_groups(ids, start, grouped, rows, &names);
    }
    free(ordered);
    free(start);
    free(grouped);
    return names_finish(&names, status, out);
}
