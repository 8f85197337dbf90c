/*
 * Writing prepared sets; see prepared.h.
 *
 *     list, in the order of the text -> counted by user -> words of some users at a time -> file
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/crc32c.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/data/prepared.h"
#include "common/data/prepared_format.h"

/* The most words that are sorted at a time, and the fewest. */
#define SLICE_WORDS ((uint64_t)1 << 26)
#define FEWEST_SLICE_WORDS ((uint64_t)1 << 17)
/* Ratings of the list that are skipped together if they are of users of other slices. */
#define CHUNK ((uint64_t)1 << 16)
/* The number of different values that can be numbered; with more, a value is stored as its bits. */
#define VALUES_MAX 65536u
#define VALUE_SLOTS (4 * VALUES_MAX)

/* The distinct ratings of a set, numbered in ascending order. */
struct values {
    float *sorted;
    uint32_t count;
    uint32_t *slots; /* hash table: index in sorted + 1, 0 where free */
    bool raw;        /* there are too many */
};

struct range {
    uint32_t low, high;
};

struct writer {
    const char *path;
    const struct cps_prepared_facts *facts;
    const struct cps_dataset *data;
    const struct cps_rating_list *list;
    struct values values;
    uint64_t *start; /* [users + 1] */
    uint64_t slice_words;
    struct range *users; /* of each chunk of the list */
    uint32_t *checksums; /* of blocks */
    uint64_t block_count;
    struct cps_text reading;
    struct cps_prepared_header header;
    struct cps_atomic_file file;
};

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* ---- values ---- */

static uint32_t value_slot(const struct values *self, float value)
{
    uint32_t slot = (uint32_t)(bits_of(value) * 0x9E3779B1u >> 8) % VALUE_SLOTS;
    while (self->slots[slot] && bits_of(self->sorted[self->slots[slot] - 1]) != bits_of(value))
        slot = (slot + 1) % VALUE_SLOTS;
    return slot;
}

static int compare_floats(const void *a, const void *b)
{
    float x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static enum cps_status find_values(struct values *self, const struct cps_rating_list *list)
{
    CPS_TRY(cps_alloc("values", VALUES_MAX, sizeof *self->sorted, &self->sorted));
    CPS_TRY(cps_alloc("values", VALUE_SLOTS, sizeof *self->slots, &self->slots));
    for (uint64_t i = 0; i < list->count && !self->raw; i++) {
        uint32_t slot = value_slot(self, list->rating[i]);
        if (self->slots[slot])
            continue;
        self->raw = self->count == VALUES_MAX;
        if (!self->raw) {
            self->sorted[self->count++] = list->rating[i];
            self->slots[slot] = self->count;
        }
    }
    if (self->raw)
        self->count = 0;
    qsort(self->sorted, self->count, sizeof *self->sorted, compare_floats);
    memset(self->slots, 0, VALUE_SLOTS * sizeof *self->slots);
    for (uint32_t v = 0; v < self->count; v++)
        self->slots[value_slot(self, self->sorted[v])] = v + 1;
    return CPS_OK;
}

static uint64_t code_of(const struct values *self, float value)
{
    return self->raw ? bits_of(value) : self->slots[value_slot(self, value)] - 1;
}

/* ---- words ---- */

/* The number of bits for numbers below count. */
static uint32_t bits_for(uint64_t count)
{
    uint32_t bits = 0;
    while (bits < 63 && (uint64_t)1 << bits < count)
        bits++;
    return bits;
}

static enum cps_status choose_bits(struct writer *self)
{
    struct cps_prepared_header *header = &self->header;
    header->movie_bits = (uint8_t)bits_for(self->data->movies.rows);
    header->value_bits = (uint8_t)(self->values.raw ? 32 : bits_for(self->values.count));
    uint32_t bits = bits_for(self->list->count) + header->movie_bits + header->value_bits;
    if (bits <= 64)
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "a rating of this set takes %u bits, but a prepared set has room for 64", bits);
    return cps_hint(CPS_ERR_DATA, "round the ratings: they have more than %u different values", VALUES_MAX);
}

static enum cps_status count_users(struct writer *self)
{
    uint32_t rows = self->data->users.rows;
    CPS_TRY(cps_alloc("users", (size_t)rows + 1, sizeof *self->start, &self->start));
    CPS_TRY(
        cps_alloc("parts of the ratings", self->list->count / CHUNK + 1, sizeof *self->users, &self->users));
    for (uint64_t i = 0; i < self->list->count; i++) {
        struct range *chunk = &self->users[i / CHUNK];
        uint32_t user = self->list->user[i];
        chunk->low = i % CHUNK == 0 || user < chunk->low ? user : chunk->low;
        chunk->high = user > chunk->high ? user : chunk->high;
        self->start[user + 1]++;
    }
    for (uint32_t row = 0; row < rows; row++)
        self->start[row + 1] += self->start[row];
    return CPS_OK;
}

/* The end of the range of users from row on whose ratings fit a slice; at least one user. */
static uint32_t slice_end(const struct writer *self, uint32_t row)
{
    uint32_t end = row + 1;
    while (end < self->data->users.rows && self->start[end + 1] - self->start[row] <= self->slice_words)
        end++;
    return end;
}

/* Packs the ratings of users [row, end) into words; next[user] is the position of the user's next one. */
static void fill_slice(const struct writer *self, uint32_t row, uint32_t end, uint64_t *next, uint64_t *words)
{
    const struct cps_rating_list *list = self->list;
    uint32_t movie_shift = self->header.value_bits, place_shift = movie_shift + self->header.movie_bits;
    for (uint32_t user = row; user < end; user++)
        next[user - row] = self->start[user] - self->start[row];
    for (uint64_t i = 0; i < list->count; i++) {
        const struct range *chunk = &self->users[i / CHUNK];
        uint32_t user = list->user[i];
        if (i % CHUNK == 0 && (chunk->high < row || chunk->low >= end)) {
            i += CHUNK - 1;
            continue;
        }
        if (user < row || user >= end)
            continue;
        /* A single rating has place 0, which must not be shifted by 64. */
        uint64_t place = place_shift < 64 ? i << place_shift : 0;
        words[next[user - row]++] =
            place | (uint64_t)list->item[i] << movie_shift | code_of(&self->values, list->rating[i]);
    }
}

/* Checksums cover fixed blocks of the file, whose boundaries differ from those of slices: the rest of a slice
 * after its last whole block is moved to the front of the next slice. */
struct carry {
    uint64_t *words; /* room for a slice and a block */
    uint64_t count;
};

static enum cps_status write_words(struct writer *self, const uint64_t *words, uint64_t count)
{
    const uint64_t block_words = CPS_PREPARED_BLOCK_BYTES / sizeof *words;
    for (uint64_t first = 0; first < count; first += block_words) {
        uint64_t n = count - first < block_words ? count - first : block_words;
        self->checksums[self->block_count++] = cps_crc32c(words + first, n * sizeof *words);
    }
    return cps_atomic_file_write(&self->file, words, count * sizeof *words);
}

static enum cps_status write_slices(struct writer *self, uint64_t *next, struct carry *carry)
{
    const uint64_t block_words = CPS_PREPARED_BLOCK_BYTES / sizeof(uint64_t);
    for (uint32_t row = 0; row < self->data->users.rows;) {
        uint32_t end = slice_end(self, row);
        fill_slice(self, row, end, next, carry->words + carry->count);
        carry->count += self->start[end] - self->start[row];
        bool last = end == self->data->users.rows;
        uint64_t whole = last ? carry->count : carry->count / block_words * block_words;
        CPS_TRY(write_words(self, carry->words, whole));
        carry->count -= whole;
        memmove(carry->words, carry->words + whole, carry->count * sizeof *carry->words);
        row = end;
    }
    return CPS_OK;
}

/* The largest number of words in a slice. */
static uint64_t largest_slice(const struct writer *self)
{
    uint64_t largest = 0;
    for (uint32_t row = 0, end; row < self->data->users.rows; row = end) {
        end = slice_end(self, row);
        if (self->start[end] - self->start[row] > largest)
            largest = self->start[end] - self->start[row];
    }
    return largest;
}

static enum cps_status write_ratings(struct writer *self)
{
    struct carry carry = {0};
    uint64_t *next = NULL;
    uint64_t blocks = self->list->count * sizeof(uint64_t) / CPS_PREPARED_BLOCK_BYTES + 1;
    enum cps_status status = cps_alloc("checksums", blocks, sizeof *self->checksums, &self->checksums);
    if (status == CPS_OK)
        status = cps_alloc("users", self->data->users.rows, sizeof *next, &next);
    if (status == CPS_OK)
        status =
            cps_alloc("ratings in order", largest_slice(self) + CPS_PREPARED_BLOCK_BYTES / sizeof(uint64_t),
                      sizeof *carry.words, &carry.words);
    if (status == CPS_OK)
        status = write_slices(self, next, &carry);
    free(next);
    free(carry.words);
    return status;
}

/* ---- the rest ---- */

static enum cps_status add_reading(struct cps_text *out, const char *text)
{
    return cps_text_add_bytes(out, text ? text : "", (text ? strlen(text) : 0) + 1);
}

static enum cps_status write_reading(struct writer *self)
{
    const struct cps_prepared_facts *facts = self->facts;
    const char *texts[CPS_READING_SOURCES] = {
        [CPS_READING_USER_COLUMN] = facts->user_column,
        [CPS_READING_ITEM_COLUMN] = facts->item_column,
        [CPS_READING_RATING_COLUMN] = facts->rating_column,
        [CPS_READING_MISSING] = facts->missing,
        [CPS_READING_COLUMNS] = facts->columns,
        [CPS_READING_TOLD] = facts->told,
    };
    for (int i = 0; i < CPS_READING_SOURCES; i++)
        CPS_TRY(add_reading(&self->reading, texts[i]));
    for (uint32_t i = 0; i < facts->source_count; i++)
        CPS_TRY(add_reading(&self->reading, facts->sources[i].path));
    return CPS_OK;
}

static void fill_header(struct writer *self)
{
    const struct cps_prepared_facts *facts = self->facts;
    struct cps_prepared_header *header = &self->header;
    memcpy(header->magic, CPS_PREPARED_MAGIC, sizeof header->magic);
    header->version = CPS_PREPARED_VERSION;
    header->header_bytes = sizeof *header;
    header->rating_count = facts->rating_count;
    header->first_count = facts->first_count;
    header->skip_bad = facts->skip_bad;
    header->skipped = facts->skipped;
    header->user_rows = self->data->users.rows;
    header->movie_rows = self->data->movies.rows;
    header->value_count = self->values.count;
    header->rating_min = facts->rating_min;
    header->rating_max = facts->rating_max;
    header->titled = facts->reading.titled;
    header->split_given = facts->reading.split_given;
    header->wide = facts->wide;
    header->latin1 = facts->latin1;
    header->has_missing = facts->missing != NULL;
    header->source_count = (uint8_t)facts->source_count;
    for (int i = 0; i < CPS_TEXTS; i++)
        header->present[i] = facts->reading.present[i];
    memcpy(header->texts, facts->reading.text, sizeof header->texts);
    for (uint32_t i = 0; i < facts->source_count; i++) {
        header->sources[i].bytes = facts->sources[i].bytes;
        header->sources[i].mtime_ns = facts->sources[i].mtime_ns;
        memcpy(header->sources[i].sha256, facts->sources[i].sha256, CPS_SHA256_HEX_BYTES);
    }
}

/* Lays out the sections in the order of the file. */
static void lay_out(struct writer *self, const void *bytes[CPS_SECTIONS])
{
    const struct cps_dataset *data = self->data;
    const struct cps_vocabulary *names[] = {&data->users, &data->movies, &data->movie_ids};
    struct cps_prepared_section *sections = self->header.sections;
    for (int v = 0; v < 3; v++) {
        bool there = names[v]->text != NULL;
        bytes[2 * v] = names[v]->offsets;
        bytes[2 * v + 1] = names[v]->text;
        sections[2 * v].bytes = there ? ((uint64_t)names[v]->rows + 1) * sizeof(uint64_t) : 0;
        sections[2 * v + 1].bytes = there ? names[v]->offsets[names[v]->rows] : 0;
    }
    bytes[CPS_SECTION_VALUES] = self->values.sorted;
    sections[CPS_SECTION_VALUES].bytes = self->values.count * sizeof(float);
    bytes[CPS_SECTION_STARTS] = self->start;
    sections[CPS_SECTION_STARTS].bytes = ((uint64_t)data->users.rows + 1) * sizeof(uint64_t);
    bytes[CPS_SECTION_READING] = self->reading.data;
    sections[CPS_SECTION_READING].bytes = self->reading.length;
    bytes[CPS_SECTION_CHECKSUMS] = self->checksums;
    uint64_t rating_bytes = self->list->count * sizeof(uint64_t);
    sections[CPS_SECTION_CHECKSUMS].bytes =
        (rating_bytes + CPS_PREPARED_BLOCK_BYTES - 1) / CPS_PREPARED_BLOCK_BYTES * sizeof(uint32_t);
    bytes[CPS_SECTION_RATINGS] = NULL;
    sections[CPS_SECTION_RATINGS].bytes = rating_bytes;
    uint64_t offset = sizeof self->header;
    for (int s = 0; s < CPS_SECTIONS; s++) {
        offset = cps_round_up(offset, CPS_PREPARED_ALIGN);
        sections[s].offset = offset;
        offset += sections[s].bytes;
    }
    self->header.file_bytes = offset;
}

/* Leaves room for everything before the ratings, which is written last. */
static enum cps_status write_placeholder(struct writer *self)
{
    static const char nothing[1 << 16];
    uint64_t left = self->header.sections[CPS_SECTION_RATINGS].offset;
    while (left > 0) {
        uint64_t bytes = left < sizeof nothing ? left : sizeof nothing;
        CPS_TRY(cps_atomic_file_write(&self->file, nothing, bytes));
        left -= bytes;
    }
    return CPS_OK;
}

static enum cps_status write_sections(struct writer *self, const void *const bytes[CPS_SECTIONS])
{
    struct cps_prepared_header *header = &self->header;
    for (int s = 0; s < CPS_SECTION_RATINGS; s++) {
        struct cps_prepared_section *section = &header->sections[s];
        section->checksum = cps_crc32c(bytes[s], section->bytes);
        CPS_TRY(cps_atomic_file_write_at(&self->file, bytes[s], section->bytes, section->offset));
    }
    header->checksum = cps_crc32c(header, offsetof(struct cps_prepared_header, checksum));
    return cps_atomic_file_write_at(&self->file, header, sizeof *header, 0);
}

static enum cps_status write_all(struct writer *self)
{
    const void *bytes[CPS_SECTIONS];
    CPS_TRY(find_values(&self->values, self->list));
    CPS_TRY(choose_bits(self));
    CPS_TRY(count_users(self));
    CPS_TRY(write_reading(self));
    fill_header(self);
    lay_out(self, bytes);
    CPS_TRY(write_placeholder(self));
    CPS_TRY(write_ratings(self));
    bytes[CPS_SECTION_CHECKSUMS] = self->checksums;
    return write_sections(self, bytes);
}

enum cps_status cps_prepared_write(const char *path, const struct cps_prepared_facts *facts,
                                   const struct cps_dataset *data, const struct cps_rating_list *list,
                                   uint64_t memory_bytes)
{
    struct writer self = {.path = path, .facts = facts, .data = data, .list = list, .file = {.fd = -1}};
    uint64_t words = memory_bytes ? memory_bytes / 2 / sizeof(uint64_t) : SLICE_WORDS;
    self.slice_words = words < FEWEST_SLICE_WORDS ? FEWEST_SLICE_WORDS
                       : words < SLICE_WORDS      ? words
                                                  : SLICE_WORDS;
    enum cps_status status = cps_atomic_file_open(&self.file, path);
    if (status == CPS_OK) {
        status = write_all(&self);
        if (status == CPS_OK)
            status = cps_atomic_file_commit(&self.file);
        else
            cps_atomic_file_abort(&self.file);
    }
    free(self.values.sorted);
    free(self.values.slots);
    free(self.start);
    free(self.users);
    free(self.checksums);
    cps_text_release(&self.reading);
    return status;
}
