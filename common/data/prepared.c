/* Reads prepared sets; see prepared.h. The file is mapped: pages that are not accessed are not read. */
#include "common/data/prepared.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/crc32c.h"
#include "common/base/memory.h"
#include "common/data/prepared_format.h"

static const struct cps_prepared_header *header_of(const struct cps_source *bytes)
{
    return (const void *)bytes->data;
}

bool cps_prepared_is_one(const struct cps_source *bytes)
{
    return bytes->size >= CPS_PREPARED_KIND_BYTES &&
           memcmp(bytes->data, CPS_PREPARED_MAGIC, CPS_PREPARED_KIND_BYTES) == 0;
}

static enum cps_status refuse(const char *path, const char *why)
{
    cps_fail(CPS_ERR_DATA, "the prepared set '%s' %s", path, why);
    return cps_hint(CPS_ERR_DATA, "make it again with 'collab-ps prepare'");
}

/* Checks the header: first the version, since a newer version may have another header, then its checksum. */
static enum cps_status check_header(const struct cps_source *bytes)
{
    const struct cps_prepared_header *header = header_of(bytes);
    if (bytes->size < offsetof(struct cps_prepared_header, file_bytes))
        return refuse(bytes->path, "is truncated");
    if (memcmp(header->magic, CPS_PREPARED_MAGIC, sizeof header->magic) != 0)
        return refuse(bytes->path, "is damaged: its line ends were converted like those of text");
    if (header->version != CPS_PREPARED_VERSION) {
        cps_fail(CPS_ERR_DATA, "the prepared set '%s' is of version %u, and this program reads version %d",
                 bytes->path, header->version, CPS_PREPARED_VERSION);
        return cps_hint(CPS_ERR_DATA, "make it again with this program's 'collab-ps prepare'");
    }
    if (bytes->size < sizeof *header)
        return refuse(bytes->path, "is truncated");
    if (header->header_bytes != sizeof *header ||
        header->checksum != cps_crc32c(header, offsetof(struct cps_prepared_header, checksum)))
        return refuse(bytes->path, "is damaged: the checksum of its header does not match");
    if (bytes->size < header->file_bytes)
        return refuse(bytes->path, "is truncated");
    return bytes->size == header->file_bytes ? CPS_OK : refuse(bytes->path, "is damaged: it is too long");
}

static uint64_t bytes_of_section(const struct cps_prepared_header *header, int section)
{
    return header->sections[section].bytes;
}

/* Checks a header that may be malicious: sections must lie within the file and have the sizes that the counts
 * imply. */
static bool has_sound_sections(const struct cps_prepared_header *header)
{
    uint64_t users = ((uint64_t)header->user_rows + 1) * sizeof(uint64_t);
    uint64_t movies = ((uint64_t)header->movie_rows + 1) * sizeof(uint64_t);
    uint64_t ratings = header->rating_count * sizeof(uint64_t);
    uint64_t blocks = (ratings + CPS_PREPARED_BLOCK_BYTES - 1) / CPS_PREPARED_BLOCK_BYTES;
    for (int s = 0; s < CPS_SECTIONS; s++) {
        const struct cps_prepared_section *section = &header->sections[s];
        if (section->offset % CPS_PREPARED_ALIGN || section->offset > header->file_bytes ||
            section->bytes > header->file_bytes - section->offset)
            return false;
    }
    return bytes_of_section(header, CPS_SECTION_USER_OFFSETS) == users &&
           bytes_of_section(header, CPS_SECTION_STARTS) == users &&
           bytes_of_section(header, CPS_SECTION_MOVIE_OFFSETS) == movies &&
           bytes_of_section(header, CPS_SECTION_ID_OFFSETS) == (header->titled ? movies : 0) &&
           bytes_of_section(header, CPS_SECTION_VALUES) == header->value_count * sizeof(float) &&
           bytes_of_section(header, CPS_SECTION_RATINGS) == ratings &&
           bytes_of_section(header, CPS_SECTION_CHECKSUMS) == blocks * sizeof(uint32_t);
}

static bool has_sound_counts(const struct cps_prepared_header *header)
{
    return header->rating_count > 0 && header->rating_count <= CPS_RATINGS_MAX &&
           header->first_count <= header->rating_count && header->user_rows > 0 && header->movie_rows > 0 &&
           header->movie_bits <= 32 && header->value_bits <= 32 && header->source_count <= CPS_TEXTS &&
           (header->value_count > 0 || header->value_bits == 32);
}

/* Ratings lie between the least and the greatest that the header tells of, which are numbers. */
static bool has_sound_values(const struct cps_source *bytes)
{
    const struct cps_prepared_header *header = header_of(bytes);
    const char *at = bytes->data + header->sections[CPS_SECTION_VALUES].offset;
    bool sound = header->rating_min >= -FLT_MAX && header->rating_max <= FLT_MAX &&
                 header->rating_min <= header->rating_max;
    for (uint32_t i = 0; i < header->value_count && sound; i++) {
        float value;
        memcpy(&value, at + i * sizeof value, sizeof value);
        sound = value >= header->rating_min && value <= header->rating_max;
    }
    return sound;
}

static enum cps_status check_sections(const struct cps_source *bytes)
{
    const struct cps_prepared_header *header = header_of(bytes);
    if (!has_sound_counts(header) || !has_sound_sections(header))
        return refuse(bytes->path, "is damaged: its header is inconsistent");
    for (int s = 0; s < CPS_SECTION_RATINGS; s++) {
        const struct cps_prepared_section *section = &header->sections[s];
        if (cps_crc32c(bytes->data + section->offset, section->bytes) != section->checksum)
            return refuse(bytes->path, "is damaged: the checksum of a section does not match");
    }
    if (!has_sound_values(bytes))
        return refuse(bytes->path, "is damaged: its ratings are not between its least and its greatest");
    return CPS_OK;
}

/* ---- views ---- */

static const void *section_of(const struct cps_source *bytes, int section)
{
    return bytes->data + header_of(bytes)->sections[section].offset;
}

static bool rises_to(const uint64_t *offsets, uint32_t rows, uint64_t end)
{
    bool rising = offsets[0] == 0 && offsets[rows] == end;
    for (uint32_t row = 0; row < rows; row++)
        rising = rising && offsets[row] <= offsets[row + 1];
    return rising;
}

static bool view_names(const struct cps_source *bytes, int offsets, uint32_t rows, struct cps_vocabulary *out)
{
    *out = (struct cps_vocabulary){
        .rows = rows, .text = section_of(bytes, offsets + 1), .offsets = section_of(bytes, offsets)};
    return rises_to(out->offsets, rows, bytes_of_section(header_of(bytes), offsets + 1));
}

/* The next text of the section; NULL when there is none. */
static const char *next_text(const char **at, const char *end)
{
    const char *text = *at, *nul = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    *at = nul ? nul + 1 : end;
    return nul ? text : NULL;
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static bool view_reading(struct cps_prepared *self, const struct cps_source *bytes)
{
    const struct cps_prepared_header *header = header_of(bytes);
    const char *at = section_of(bytes, CPS_SECTION_READING), *texts[CPS_READING_SOURCES];
    const char *end = at + bytes_of_section(header, CPS_SECTION_READING);
    struct cps_prepared_facts *facts = &self->facts;
    for (int i = 0; i < CPS_READING_SOURCES; i++)
        if (!(texts[i] = next_text(&at, end)))
            return false;
    facts->user_column = or_null(texts[CPS_READING_USER_COLUMN]);
    facts->item_column = or_null(texts[CPS_READING_ITEM_COLUMN]);
    facts->rating_column = or_null(texts[CPS_READING_RATING_COLUMN]);
    facts->missing = header->has_missing ? texts[CPS_READING_MISSING] : NULL;
    facts->columns = or_null(texts[CPS_READING_COLUMNS]);
    facts->told = or_null(texts[CPS_READING_TOLD]);
    facts->source_count = header->source_count;
    for (uint32_t i = 0; i < facts->source_count; i++) {
        const char *path = next_text(&at, end);
        if (!path)
            return false;
        facts->sources[i].path = (char *)(uintptr_t)path;
        facts->sources[i].bytes = header->sources[i].bytes;
        facts->sources[i].mtime_ns = header->sources[i].mtime_ns;
        memcpy(facts->sources[i].sha256, header->sources[i].sha256, CPS_SHA256_HEX_BYTES);
        facts->sources[i].sha256[CPS_SHA256_HEX_BYTES - 1] = '\0';
    }
    return true;
}

static void view_facts(struct cps_prepared *self, const struct cps_prepared_header *header)
{
    self->facts = (struct cps_prepared_facts){.rating_count = header->rating_count,
                                              .first_count = header->first_count,
                                              .rating_min = header->rating_min,
                                              .rating_max = header->rating_max,
                                              .wide = header->wide,
                                              .latin1 = header->latin1,
                                              .skip_bad = header->skip_bad,
                                              .skipped = header->skipped};
    self->facts.reading.titled = header->titled;
    self->facts.reading.split_given = header->split_given;
    for (int i = 0; i < CPS_TEXTS; i++)
        self->facts.reading.present[i] = header->present[i];
    memcpy(self->facts.reading.text, header->texts, sizeof header->texts);
    self->movie_bits = header->movie_bits;
    self->value_bits = header->value_bits;
    self->value_count = header->value_count;
}

enum cps_status cps_prepared_open(struct cps_prepared *self, const struct cps_source *bytes)
{
    *self = (struct cps_prepared){.path = bytes->path};
    CPS_TRY(check_header(bytes));
    CPS_TRY(check_sections(bytes));
    const struct cps_prepared_header *header = header_of(bytes);
    view_facts(self, header);
    self->user_start = section_of(bytes, CPS_SECTION_STARTS);
    self->words = section_of(bytes, CPS_SECTION_RATINGS);
    self->checksums = section_of(bytes, CPS_SECTION_CHECKSUMS);
    if (header->value_count)
        self->values = section_of(bytes, CPS_SECTION_VALUES);
    bool sound =
        view_names(bytes, CPS_SECTION_USER_OFFSETS, header->user_rows, &self->users) &&
        view_names(bytes, CPS_SECTION_MOVIE_OFFSETS, header->movie_rows, &self->movies) &&
        (!header->titled || view_names(bytes, CPS_SECTION_ID_OFFSETS, header->movie_rows, &self->movie_ids)) &&
        rises_to(self->user_start, header->user_rows, header->rating_count) && view_reading(self, bytes);
    return sound ? CPS_OK : refuse(bytes->path, "is damaged: its sections contradict each other");
}

void cps_prepared_close(struct cps_prepared *self)
{
    *self = (struct cps_prepared){0};
}

/* ---- the text it was made from ---- */

static enum cps_status check_source(const struct cps_prepared *self, const struct cps_prepared_source *source)
{
    struct stat now;
    if (stat(source->path, &now) != 0 || !S_ISREG(now.st_mode))
        return CPS_OK;
    uint64_t mtime_ns = (uint64_t)now.st_mtim.tv_sec * 1000000000u + (uint64_t)now.st_mtim.tv_nsec;
    bool same_size = (uint64_t)now.st_size == source->bytes;
    if (same_size && mtime_ns == source->mtime_ns)
        return CPS_OK;
    char hex[CPS_SHA256_HEX_BYTES] = "";
    uint64_t bytes;
    if (same_size)
        CPS_TRY(cps_sha256_file(source->path, CPS_ERR_DATA, &bytes, hex));
    if (strcmp(hex, source->sha256) == 0)
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "'%.300s' has changed since the prepared set '%.300s' was made from it",
             source->path, self->path);
    return cps_hint(CPS_ERR_DATA, "make it again with 'collab-ps prepare'");
}

enum cps_status cps_prepared_check_sources(const struct cps_prepared *self)
{
    for (uint32_t i = 0; i < self->facts.source_count; i++)
        CPS_TRY(check_source(self, &self->facts.sources[i]));
    return CPS_OK;
}

/* ---- ratings ---- */

#define BLOCK_WORDS (CPS_PREPARED_BLOCK_BYTES / sizeof(uint64_t))
/* The number of blocks that are prefetched and released together. */
#define BLOCKS_AHEAD 64

enum cps_status cps_prepared_check_block(const struct cps_prepared *self, uint64_t block)
{
    uint64_t begin = block * BLOCK_WORDS, left = self->facts.rating_count - begin;
    uint64_t count = left < BLOCK_WORDS ? left : BLOCK_WORDS;
    if (cps_crc32c(self->words + begin, count * sizeof(uint64_t)) == self->checksums[block])
        return CPS_OK;
    return refuse(self->path, "is damaged: the checksum of a block of ratings does not match");
}

enum cps_status cps_prepared_refuse_places(const struct cps_prepared *self)
{
    return refuse(self->path, "is damaged: two of its ratings have one place in the text");
}

/* The whole pages within a range of ratings. */
static void advise(const struct cps_prepared *self, uint64_t first, uint64_t count, int advice)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)(self->words + first) / page * page;
    uintptr_t end = (uintptr_t)(self->words + first + count) / page * page;
    if (begin < end)
        madvise((void *)begin, end - begin, advice); /* advice may be ignored */
}

void cps_prepared_expect(const struct cps_prepared *self, uint64_t first, uint64_t count)
{
    advise(self, first, count, MADV_WILLNEED);
}

void cps_prepared_forget(const struct cps_prepared *self, uint64_t first, uint64_t count)
{
    advise(self, first, count, MADV_DONTNEED);
}

/* The user of rating number first. */
static uint32_t user_of(const struct cps_prepared *self, uint64_t first)
{
    uint32_t low = 0, high = self->users.rows;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (self->user_start[middle] <= first)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void fill_users(const struct cps_prepared *self, uint64_t first, uint64_t count, uint32_t *out)
{
    uint64_t end = first + count;
    for (uint32_t user = user_of(self, first); first < end; user++)
        for (uint64_t stop = self->user_start[user + 1] < end ? self->user_start[user + 1] : end; first < stop;
             first++)
            *out++ = user;
}

/* Whether ratings that are stored as floats lie between the set's bounds. */
static bool is_within(const struct cps_prepared *self, const float *ratings, uint64_t count)
{
    const float low = self->facts.rating_min, high = self->facts.rating_max;
    bool within = true;
    for (uint64_t i = 0; i < count; i++)
        within &= ratings[i] >= low && ratings[i] <= high;
    return within;
}

/* Unpacks words [first, end) into the columns, whose first rating is number origin; false if a word refers
 * to a missing row or value. */
static bool decode(const struct cps_prepared *self, uint64_t origin, uint64_t first, uint64_t end,
                   struct cps_rating_list *list, uint32_t *places)
{
    const uint32_t value_bits = self->value_bits, place_shift = self->movie_bits + value_bits;
    const uint64_t movie_mask = ((uint64_t)1 << self->movie_bits) - 1,
                   value_mask = ((uint64_t)1 << value_bits) - 1;
    uint64_t movie_most = 0, place_most = 0, value_most = 0;
    for (uint64_t i = first; i < end; i++) {
        uint64_t word = self->words[i], movie = word >> value_bits & movie_mask, value = word & value_mask;
        uint64_t place = place_shift < 64 ? word >> place_shift : 0;
        movie_most = movie > movie_most ? movie : movie_most;
        place_most = place > place_most ? place : place_most;
        value_most = value > value_most ? value : value_most;
        list->item[i - origin] = (uint32_t)movie;
        places[i - origin] = (uint32_t)place;
        uint32_t bits = (uint32_t)value;
        memcpy(&list->rating[i - origin], &bits, sizeof bits);
    }
    bool sound = movie_most < self->movies.rows && place_most < self->facts.rating_count;
    if (!self->values)
        return sound && is_within(self, list->rating + (first - origin), end - first);
    if (!sound || value_most >= self->value_count)
        return false;
    for (uint64_t i = first; i < end; i++) {
        uint32_t value;
        memcpy(&value, &list->rating[i - origin], sizeof value);
        list->rating[i - origin] = self->values[value];
    }
    return true;
}

/* Reads the range block by block, so that each is in the cache when it is unpacked. */
static enum cps_status read_checked(const struct cps_prepared *self, uint64_t first, uint64_t end,
                                    struct cps_rating_list *list, uint32_t *places)
{
    const uint64_t ahead = BLOCKS_AHEAD * BLOCK_WORDS;
    for (uint64_t block = first / BLOCK_WORDS; block * BLOCK_WORDS < end; block++) {
        uint64_t begin = block * BLOCK_WORDS, stop = begin + BLOCK_WORDS;
        if (block % BLOCKS_AHEAD == 0) {
            cps_prepared_expect(self, begin, end - begin < 2 * ahead ? end - begin : 2 * ahead);
            if (begin >= first + ahead)
                cps_prepared_forget(self, begin - ahead, ahead);
        }
        CPS_TRY(cps_prepared_check_block(self, block));
        begin = begin < first ? first : begin;
        stop = stop < end ? stop : end;
        if (!decode(self, first, begin, stop, list, places))
            return refuse(self->path, "is damaged: a rating refers to a missing row or value");
    }
    return CPS_OK;
}

enum cps_status cps_prepared_read(const struct cps_prepared *self, uint64_t first, uint64_t count,
                                  struct cps_rating_list *list, uint32_t **places)
{
    *list = (struct cps_rating_list){.count = count, .capacity = count};
    *places = NULL;
    enum cps_status status = cps_alloc_raw("ratings", count, sizeof *list->user, &list->user);
    if (status == CPS_OK)
        status = cps_alloc_raw("ratings", count, sizeof *list->item, &list->item);
    if (status == CPS_OK)
        status = cps_alloc_raw("ratings", count, sizeof *list->rating, &list->rating);
    if (status == CPS_OK)
        status = cps_alloc_raw("places", count, sizeof **places, places);
    if (status == CPS_OK && count > 0) {
        fill_users(self, first, count, list->user);
        status = read_checked(self, first, first + count, list, *places);
    }
    if (status == CPS_OK)
        return CPS_OK;
    cps_rating_list_release(list);
    free(*places);
    *places = NULL;
    return status;
}
