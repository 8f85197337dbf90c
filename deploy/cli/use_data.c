/* data: an overview of a set of ratings, without training. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/load.h"
#include "deploy/cli/listing.h"
#include "deploy/cli/use.h"
#include "deploy/training/settings.h"

enum { SHOWN = 10, BARS = 40, DIFFERENT = 40 /* ratings that a histogram shows one by one */ };

struct glance {
    struct cps_dataset dataset;
    uint32_t *user_counts, *movie_counts; /* ratings, by row */
    uint32_t *by_count;                   /* movie rows, the most rated first */
    uint64_t repeated;                    /* ratings of pairs that have an earlier rating */
    struct bar {
        double low, high; /* equal if the bar is for a single value */
        uint64_t count;
    } bars[DIFFERENT];
    uint32_t bar_count;
};

static void glance_release(struct glance *self)
{
    cps_dataset_release(&self->dataset);
    free(self->user_counts);
    free(self->movie_counts);
    free(self->by_count);
}

/* ---- counting ---- */

/* Both parts of a dataset, one after the other. */
static const struct cps_samples *part_of(const struct cps_dataset *dataset, int part)
{
    return part == 0 ? &dataset->train : &dataset->valid;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static enum cps_status count_repeated(struct glance *self)
{
    const struct cps_dataset *dataset = &self->dataset;
    uint64_t *pair, count = 0;
    CPS_TRY(cps_alloc("pairs", (size_t)dataset->rating_count, sizeof *pair, &pair));
    for (int part = 0; part < 2; part++) {
        const struct cps_samples *samples = part_of(dataset, part);
        for (uint64_t i = 0; i < samples->count; i++)
            pair[count++] = (uint64_t)samples->user[i] << 32 | samples->movie[i];
    }
    qsort(pair, count, sizeof *pair, by_key);
    for (uint64_t i = 1; i < count; i++)
        self->repeated += pair[i] == pair[i - 1];
    free(pair);
    return CPS_OK;
}

static void count_rows(struct glance *self)
{
    for (int part = 0; part < 2; part++) {
        const struct cps_samples *samples = part_of(&self->dataset, part);
        for (uint64_t i = 0; i < samples->count; i++) {
            self->user_counts[samples->user[i]]++;
            self->movie_counts[samples->movie[i]]++;
        }
    }
}

static const uint32_t *sort_counts;

static int by_movie_count(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (sort_counts[x] != sort_counts[y])
        return sort_counts[x] < sort_counts[y] ? 1 : -1;
    return (x > y) - (x < y);
}

static void order_movies(struct glance *self)
{
    uint32_t rows = self->dataset.movies.rows;
    for (uint32_t row = 1; row < rows; row++)
        self->by_count[row - 1] = row;
    sort_counts = self->movie_counts;
    qsort(self->by_count, rows - 1, sizeof *self->by_count, by_movie_count);
}

/* ---- the histogram ---- */

static bool add_to_bar(struct glance *self, double rating)
{
    uint32_t at = 0;
    while (at < self->bar_count && self->bars[at].low < rating)
        at++;
    if (at < self->bar_count && self->bars[at].low == rating) {
        self->bars[at].count++;
        return true;
    }
    if (self->bar_count == DIFFERENT)
        return false;
    memmove(&self->bars[at + 1], &self->bars[at], (self->bar_count++ - at) * sizeof *self->bars);
    self->bars[at] = (struct bar){rating, rating, 1};
    return true;
}

/* Divides the range into twenty bars of equal width, if there are too many distinct ratings. */
static void divide_range(struct glance *self)
{
    double low = (double)self->dataset.rating_min, width = ((double)self->dataset.rating_max - low) / 20;
    self->bar_count = 20;
    for (uint32_t b = 0; b < 20; b++)
        self->bars[b] = (struct bar){low + b * width, low + (b + 1) * width, 0};
    for (int part = 0; part < 2; part++) {
        const struct cps_samples *samples = part_of(&self->dataset, part);
        for (uint64_t i = 0; i < samples->count; i++) {
            double place = floor(((double)samples->rating[i] - low) / width);
            self->bars[place < 19 ? (place > 0 ? (int)place : 0) : 19].count++;
        }
    }
}

static void count_ratings(struct glance *self)
{
    for (int part = 0; part < 2; part++) {
        const struct cps_samples *samples = part_of(&self->dataset, part);
        for (uint64_t i = 0; i < samples->count; i++) {
            if (!add_to_bar(self, (double)samples->rating[i])) {
                divide_range(self);
                return;
            }
        }
    }
}

static enum cps_status look(struct glance *self, const struct cps_options *options)
{
    struct cps_dataset_request request = cps_settings_dataset(options, NULL);
    request.shards = 1;
    request.keep_samples = true;
    CPS_TRY(cps_dataset_load(&request, &self->dataset));
    CPS_TRY(cps_alloc("users", self->dataset.users.rows, sizeof *self->user_counts, &self->user_counts));
    CPS_TRY(cps_alloc("movies", self->dataset.movies.rows, sizeof *self->movie_counts, &self->movie_counts));
    CPS_TRY(cps_alloc("movies", self->dataset.movies.rows, sizeof *self->by_count, &self->by_count));
    count_rows(self);
    order_movies(self);
    count_ratings(self);
    return count_repeated(self);
}

/* ---- names of rows ---- */

struct name {
    char text[256];
};

static struct name shorten(const char *text, uint64_t length)
{
    struct name out;
    snprintf(out.text, sizeof out.text, "%.*s",
             (int)(length < sizeof out.text - 1 ? length : sizeof out.text - 1), text);
    return out;
}

static struct name user_name(const struct glance *self, uint32_t row)
{
    uint64_t length;
    const char *text = cps_vocabulary_name(&self->dataset.users, row, &length);
    return shorten(text, length);
}

static struct name movie_name(const struct glance *self, uint32_t row)
{
    uint64_t length;
    const char *text = cps_vocabulary_name(&self->dataset.movies, row, &length);
    return shorten(text, length);
}

static struct name movie_ids(const struct glance *self, uint32_t row)
{
    uint64_t length;
    const char *text = cps_dataset_movie_ids(&self->dataset, row, &length);
    return shorten(text, length);
}

/* Users with fewer ratings than limit. */
static uint32_t users_below(const struct glance *self, uint32_t limit)
{
    uint32_t count = 0;
    for (uint32_t row = 1; row < self->dataset.users.rows; row++)
        count += self->user_counts[row] < limit;
    return count;
}

static double density(const struct glance *self)
{
    return (double)self->dataset.rating_count /
           ((double)(self->dataset.users.rows - 1) * (double)(self->dataset.movies.rows - 1));
}

/* ---- listings ---- */

/* The first training samples, in the order of their keyed numbers: a random choice that stays the same. */
static enum cps_status list_samples(const struct glance *self, struct cps_listing *listing)
{
    const struct cps_samples *train = &self->dataset.train;
    uint64_t place[SHOWN];
    uint32_t count = 0;
    for (uint64_t i = 0; i < train->count; i++)
        if (train->index[i] < SHOWN)
            place[train->index[i]] = i;
    count = train->count < SHOWN ? (uint32_t)train->count : SHOWN;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at = place[i];
        CPS_TRY(cps_listing_add(listing, (struct cps_cell[]){{.text = user_name(self, train->user[at]).text},
                                                             {.text = movie_ids(self, train->movie[at]).text},
                                                             {.text = movie_name(self, train->movie[at]).text},
                                                             {.real = (double)train->rating[at]}}));
    }
    return CPS_OK;
}

static enum cps_status list_movies(const struct glance *self, bool most, struct cps_listing *listing)
{
    uint32_t movies = self->dataset.movies.rows - 1, count = movies < SHOWN / 2 ? movies : SHOWN / 2;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = self->by_count[most ? i : movies - 1 - i];
        CPS_TRY(cps_listing_add(listing, (struct cps_cell[]){{.count = self->movie_counts[row]},
                                                             {.text = movie_ids(self, row).text},
                                                             {.text = movie_name(self, row).text}}));
    }
    return CPS_OK;
}

static enum cps_status list_bars(const struct glance *self, bool drawn, struct cps_listing *listing)
{
    uint64_t largest = 1;
    for (uint32_t b = 0; b < self->bar_count; b++)
        largest = self->bars[b].count > largest ? self->bars[b].count : largest;
    for (uint32_t b = 0; b < self->bar_count; b++) {
        const struct bar *bar = &self->bars[b];
        char value[64], drawing[BARS + 1] = "";
        if (bar->low == bar->high)
            snprintf(value, sizeof value, "%.6g", bar->low);
        else
            snprintf(value, sizeof value, "%.6g to %.6g", bar->low, bar->high);
        memset(drawing, '#', (size_t)(bar->count * BARS / largest));
        struct cps_cell cells[] = {{.text = value},
                                   {.count = bar->count},
                                   {.real = (double)bar->count / (double)self->dataset.rating_count},
                                   {.text = drawn ? drawing : ""}};
        CPS_TRY(cps_listing_add(listing, cells));
    }
    return CPS_OK;
}

static const struct cps_column sample_columns[] = {{"user", CPS_COLUMN_TEXT, 0},
                                                   {"item", CPS_COLUMN_TEXT, 0},
                                                   {"title", CPS_COLUMN_TEXT, 0},
                                                   {"rating", CPS_COLUMN_REAL, 1}};
static const struct cps_column movie_columns[] = {
    {"ratings", CPS_COLUMN_COUNT, 0}, {"item", CPS_COLUMN_TEXT, 0}, {"title", CPS_COLUMN_TEXT, 0}};
static const struct cps_column bar_columns[] = {{"rating", CPS_COLUMN_TEXT, 0},
                                                {"count", CPS_COLUMN_COUNT, 0},
                                                {"share", CPS_COLUMN_REAL, 3},
                                                {"", CPS_COLUMN_TEXT, 0}};

/* The parts that are lists, for a table and for JSON. */
static enum cps_status print_part(const struct glance *self, int part, enum cps_listing_format format)
{
    static const struct cps_column *const columns[] = {sample_columns, bar_columns, movie_columns,
                                                       movie_columns};
    const size_t counts[] = {4, format == CPS_LISTING_TABLE ? 4 : 3, 3, 3};
    struct cps_listing listing;
    cps_listing_init(&listing, format, columns[part], counts[part]);
    enum cps_status status = part == 0   ? list_samples(self, &listing)
                             : part == 1 ? list_bars(self, format == CPS_LISTING_TABLE, &listing)
                                         : list_movies(self, part == 2, &listing);
    if (status == CPS_OK)
        status = cps_listing_print(&listing);
    cps_listing_release(&listing);
    return status;
}

static enum cps_status print_text(const struct glance *self, const struct cps_options *options)
{
    static const char *const titles[] = {"some of them", "ratings", "most rated", "least rated"};
    const struct cps_dataset *dataset = &self->dataset;
    printf("%s\n", dataset->description);
    if (dataset->columns[0])
        printf("  %s\n", dataset->columns);
    for (const char *note = dataset->notes.data; note && *note;) {
        size_t length = strcspn(note, "\n");
        printf("  note: %.*s\n", (int)length, note);
        note += length + (note[length] == '\n');
    }
    printf("  %llu ratings by %u users of %u items, density %.3g %%\n",
           (unsigned long long)dataset->rating_count, dataset->users.rows - 1, dataset->movies.rows - 1,
           100 * density(self));
    printf("  %llu to train on, %llu to validate", (unsigned long long)dataset->train_count,
           (unsigned long long)dataset->valid_count);
    printf(options->train ? "\n" : " (seed %llu)\n", (unsigned long long)options->seed);
    printf("  users with fewer than 5, 10, 20 ratings: %u, %u, %u\n", users_below(self, 5),
           users_below(self, 10), users_below(self, 20));
    printf("  ratings of a user and item that were rated before: %llu\n", (unsigned long long)self->repeated);
    for (int part = 0; part < 4; part++) {
        printf("\n%s\n", titles[part]);
        CPS_TRY(print_part(self, part, CPS_LISTING_TABLE));
    }
    return CPS_OK;
}

static enum cps_status print_json(const struct glance *self)
{
    static const char *const names[] = {"sample", "histogram", "most_rated", "least_rated"};
    const struct cps_dataset *dataset = &self->dataset;
    struct cps_text description = {0};
    CPS_TRY(cps_listing_add_json_string(&description, dataset->description));
    CPS_TRY(cps_text_add(&description, ",\n\"columns\": "));
    CPS_TRY(cps_listing_add_json_string(&description, dataset->columns));
    printf("{\n\"description\": %s,\n\"ratings\": %llu, \"users\": %u, \"items\": %u, \"density\": %.9g,\n"
           "\"train\": %llu, \"valid\": %llu, \"rating_min\": %.9g, \"rating_max\": %.9g,\n"
           "\"users_below_5\": %u, \"users_below_10\": %u, \"users_below_20\": %u, \"repeated_pairs\": %llu",
           description.data, (unsigned long long)dataset->rating_count, dataset->users.rows - 1,
           dataset->movies.rows - 1, density(self), (unsigned long long)dataset->train_count,
           (unsigned long long)dataset->valid_count, (double)dataset->rating_min, (double)dataset->rating_max,
           users_below(self, 5), users_below(self, 10), users_below(self, 20),
           (unsigned long long)self->repeated);
    cps_text_release(&description);
    for (int part = 0; part < 4; part++) {
        printf(",\n\"%s\": ", names[part]);
        CPS_TRY(print_part(self, part, CPS_LISTING_JSON));
    }
    printf("}\n");
    return CPS_OK;
}

enum cps_status cps_use_data(const struct cps_options *options)
{
    struct glance self = {0};
    struct cps_options found = *options; /* borrows all but the path that may be found */
    enum cps_status status = cps_settings_find_data(&found);
    if (status == CPS_OK)
        status = look(&self, &found);
    if (status == CPS_OK)
        status = options->json ? print_json(&self) : print_text(&self, options);
    if (status == CPS_OK)
        status = cps_listing_flush();
    glance_release(&self);
    if (found.data != options->data)
        free(found.data);
    return status;
}
