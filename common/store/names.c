/*
 * Names of rows: vocabulary -> users.tsv, movies.tsv, written once per run through a small buffer, so that
 * millions of names need no second copy in memory.
 */
#include "common/store/names.h"

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/data/dataset.h"
#include "common/data/ids.h"
#include "common/store/run_folder.h"

#define FLUSH_BYTES (256 * 1024)

struct column {
    const char *header;
    const struct cps_vocabulary *names;
};

static const char *escape_of(char c)
{
    return c == '\t' ? "\\t" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\\' ? "\\\\" : NULL;
}

static enum cps_status add_name(struct cps_text *text, const struct cps_vocabulary *names, uint32_t row)
{
    const char *next = names->text + names->offsets[row];
    const char *end = names->text + names->offsets[row + 1];
    while (next < end) {
        const char *plain = next;
        while (next < end && !escape_of(*next))
            next++;
        CPS_TRY(cps_text_add_bytes(text, plain, (size_t)(next - plain)));
        if (next < end)
            CPS_TRY(cps_text_add_bytes(text, escape_of(*next++), 2));
    }
    return CPS_OK;
}

static enum cps_status flush(struct cps_text *text, struct cps_atomic_file *file)
{
    CPS_TRY(cps_atomic_file_write(file, text->data, text->length));
    cps_text_clear(text);
    return CPS_OK;
}

static enum cps_status write_rows(struct cps_atomic_file *file, struct cps_text *text,
                                  const struct column *columns, int count)
{
    CPS_TRY(cps_text_add(text, "row"));
    for (int c = 0; c < count; c++)
        CPS_TRY(cps_text_add(text, "\t%s", columns[c].header));
    CPS_TRY(cps_text_add(text, "\n"));
    for (uint32_t row = 0; row < columns[0].names->rows; row++) {
        char digits[CPS_ID_INTEGER_BYTES];
        CPS_TRY(cps_text_add_bytes(text, digits, cps_id_from_integer(row, digits)));
        for (int c = 0; c < count; c++) {
            CPS_TRY(cps_text_add_bytes(text, "\t", 1));
            CPS_TRY(add_name(text, columns[c].names, row));
        }
        CPS_TRY(cps_text_add_bytes(text, "\n", 1));
        if (text->length >= FLUSH_BYTES)
            CPS_TRY(flush(text, file));
    }
    return flush(text, file);
}

static enum cps_status write_table(const struct cps_run_folder *folder, const char *name,
                                   const struct column *columns, int count)
{
    char path[CPS_RUN_FILE_BYTES];
    struct cps_atomic_file file;
    struct cps_text text = {0};
    cps_run_folder_file(folder, name, path);
    CPS_TRY(cps_atomic_file_open(&file, path));
    enum cps_status status = write_rows(&file, &text, columns, count);
    cps_text_release(&text);
    if (status == CPS_OK)
        return cps_atomic_file_commit(&file);
    cps_atomic_file_abort(&file);
    return status;
}

enum cps_status cps_names_write_users(const struct cps_run_folder *folder, const struct cps_vocabulary *users)
{
    struct column columns[] = {{"user", users}};
    return write_table(folder, "users.tsv", columns, 1);
}

enum cps_status cps_names_write_movies(const struct cps_run_folder *folder, const struct cps_vocabulary *keys,
                                       const struct cps_vocabulary *titles)
{
    struct column columns[] = {{"movie", keys}, {"title", titles ? titles : keys}};
    return write_table(folder, "movies.tsv", columns, 2);
}
