/* Recognises a MovieLens folder; see movielens.h. Used by load.c. */
#include "common/data/movielens.h"

#include <stdio.h>
#include <sys/stat.h>

struct title_file {
    const char *name;
    const struct cps_delimiter *delimiter;
};

static const struct title_file u_item = {"u.item", &cps_delimiter_bar};
static const struct title_file movies_dat = {"movies.dat", &cps_delimiter_double_colon};
static const struct title_file movies_csv = {"movies.csv", &cps_delimiter_comma};

static const struct {
    const char *name, *ratings;
    const struct title_file *titles[2]; /* the likelier first */
} layouts[] = {
    {"MovieLens 100k", "u.data", {&u_item, NULL}},
    {"MovieLens 1M or 10M", "ratings.dat", {&movies_dat, &movies_csv}},
    {"MovieLens CSV", "ratings.csv", {&movies_csv, &movies_dat}},
};

bool cps_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Whether folder has an entry of that name, of any type. */
static bool has(const char *folder, const char *name, char path[CPS_PATH_BYTES])
{
    struct stat info;
    int length = snprintf(path, CPS_PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < CPS_PATH_BYTES && stat(path, &info) == 0;
}

static void find_titles(const char *folder, const struct title_file *const candidates[2],
                        struct cps_movielens *out)
{
    out->titles_wanted = candidates[0]->name;
    for (int i = 0; i < 2 && candidates[i]; i++)
        if (has(folder, candidates[i]->name, out->titles_path)) {
            out->titles_name = candidates[i]->name;
            out->title_delimiter = candidates[i]->delimiter;
            return;
        }
}

enum cps_status cps_movielens_find(const char *folder, struct cps_movielens *out)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        *out = (struct cps_movielens){.name = layouts[i].name, .ratings_name = layouts[i].ratings};
        if (has(folder, layouts[i].ratings, out->ratings_path)) {
            find_titles(folder, layouts[i].titles, out);
            return CPS_OK;
        }
    }
    cps_fail(CPS_ERR_DATA, "no ratings in the folder '%s': looked for u.data, ratings.dat and ratings.csv",
             folder);
    return cps_hint(CPS_ERR_DATA, "name the ratings file itself if it is called otherwise");
}
