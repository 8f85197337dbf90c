/* A typed title -> a row; see title_search.h. */
#include "common/inference/title_search.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/text/utf8.h"

enum { SHOWN = 5 /* titles that an error lists */ };

/* ---- lower case ---- */

static uint32_t decode(const char *text, size_t width)
{
    uint32_t code = (unsigned char)text[0];
    if (width > 1)
        code &= 0x7Fu >> width;
    for (size_t i = 1; i < width; i++)
        code = code << 6 | ((uint32_t)(unsigned char)text[i] & 0x3Fu);
    return code;
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t width = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = width - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(0xF0u << (4 - width) | code);
    return width;
}

/* text in lower case; bytes that are not UTF-8 are copied unchanged. */
static enum cps_status fold(locale_t locale, const char *text, char **out)
{
    struct cps_text folded = {0};
    enum cps_status status = CPS_OK;
    for (size_t left = strlen(text); left > 0 && status == CPS_OK;) {
        char character[4];
        size_t width = cps_utf8_width(text, left), length = 1;
        if (width)
            length = encode((uint32_t)towlower_l((wint_t)decode(text, width), locale), character);
        status = cps_text_add_bytes(&folded, width ? character : text, length);
        text += width ? width : 1;
        left -= width ? width : 1;
    }
    if (status == CPS_OK && !folded.data)
        status = cps_text_add(&folded, "%s", "");
    *out = folded.data;
    if (status != CPS_OK)
        cps_text_release(&folded);
    return status;
}

static const char *title_of(const struct cps_row_names *names, uint32_t row)
{
    return names->title ? names->title[row] : names->id[row];
}

static locale_t lower_case_locale(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return locale ? locale : newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

static enum cps_status fold_all(struct cps_title_search *self, locale_t locale)
{
    for (uint32_t row = 0; row < self->names->rows; row++)
        CPS_TRY(fold(locale, title_of(self->names, row), &self->folded[row]));
    return CPS_OK;
}

enum cps_status cps_title_search_init(struct cps_title_search *self, const struct cps_row_names *names)
{
    *self = (struct cps_title_search){.names = names};
    enum cps_status status = cps_id_index_build(names, false, &self->ids);
    if (status == CPS_OK)
        status = cps_alloc("titles in lower case", names->rows, sizeof *self->folded, &self->folded);
    locale_t locale = lower_case_locale();
    if (status == CPS_OK)
        status = locale ? fold_all(self, locale) : cps_fail_memory("a locale", 1);
    if (locale)
        freelocale(locale);
    if (status != CPS_OK)
        cps_title_search_release(self);
    return status;
}

void cps_title_search_release(struct cps_title_search *self)
{
    for (uint32_t row = 0; self->folded && row < self->names->rows; row++)
        free(self->folded[row]);
    free(self->folded);
    cps_id_index_release(&self->ids);
    *self = (struct cps_title_search){0};
}

/* ---- matching ---- */

/* The length of title without a trailing year: " (1977)". */
static size_t without_year(const char *title)
{
    size_t length = strlen(title);
    if (length < 7 || title[length - 1] != ')' || title[length - 6] != '(' || title[length - 7] != ' ')
        return length;
    return strspn(title + length - 5, "0123456789") == 4 ? length - 7 : length;
}

static bool is_whole(const char *title, const char *typed)
{
    size_t length = strlen(typed);
    if (strncmp(title, typed, length) != 0)
        return false;
    return title[length] == '\0' || length == without_year(title);
}

static bool is_beginning(const char *title, const char *typed)
{
    return strncmp(title, typed, strlen(typed)) == 0;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static bool begins_a_word(const char *title, const char *word, size_t length)
{
    for (const char *at = title; *at; at++) {
        if ((at == title || !is_word_byte(at[-1])) && strncmp(at, word, length) == 0)
            return true;
    }
    return false;
}

static bool has_words(const char *title, const char *typed)
{
    for (const char *word = typed + strspn(typed, " "); *word;) {
        size_t length = strcspn(word, " ");
        if (!begins_a_word(title, word, length))
            return false;
        word += length;
        word += strspn(word, " ");
    }
    return true;
}

static bool is_part(const char *title, const char *typed)
{
    return strstr(title, typed) != NULL;
}

/* ---- suggestions ---- */

static enum cps_status refuse_several(const struct cps_title_search *self, const char *text, const char *folded,
                                      bool (*fits)(const char *, const char *), uint32_t count)
{
    struct cps_text list = {0};
    enum cps_status status = CPS_OK;
    for (uint32_t row = 1, told = 0; row < self->names->rows && told < SHOWN && status == CPS_OK; row++) {
        if (fits(self->folded[row], folded))
            status = cps_text_add(&list, "%s'%s'", told++ ? ", " : "", title_of(self->names, row));
    }
    if (status == CPS_OK) {
        cps_fail(CPS_ERR_DATA, "'%s' means %u titles: %s%s", text, count, list.data,
                 count > SHOWN ? ", …" : "");
        status = cps_hint(CPS_ERR_DATA, "type more of the title, or the movie's id");
    }
    cps_text_release(&list);
    return status;
}

struct near {
    uint32_t row;
    size_t distance;
};

/* Keeps the SHOWN nearest in order. */
static void keep_nearest(struct near nearest[SHOWN], struct near candidate)
{
    for (int i = 0; i < SHOWN; i++) {
        if (candidate.distance >= nearest[i].distance)
            continue;
        struct near worse = nearest[i];
        nearest[i] = candidate;
        candidate = worse;
    }
}

/* The edit distance between the typed text and a prefix of the title of equal length. */
static size_t distance_to(const char *title, const char *typed)
{
    char whole[256];
    size_t length = without_year(title);
    if (length >= sizeof whole)
        length = sizeof whole - 1;
    memcpy(whole, title, length);
    whole[length] = '\0';
    return cps_text_distance(whole, typed);
}

static enum cps_status refuse_unknown(const struct cps_title_search *self, const char *text, const char *folded)
{
    struct near nearest[SHOWN];
    struct cps_text list = {0};
    enum cps_status status = CPS_OK;
    for (int i = 0; i < SHOWN; i++)
        nearest[i] = (struct near){0, SIZE_MAX};
    for (uint32_t row = 1; row < self->names->rows; row++)
        keep_nearest(nearest, (struct near){row, distance_to(self->folded[row], folded)});
    for (int i = 0; i < SHOWN - 2 && nearest[i].row && status == CPS_OK; i++)
        status = cps_text_add(&list, "%s'%s'", i ? ", " : "", title_of(self->names, nearest[i].row));
    if (status == CPS_OK) {
        cps_fail(CPS_ERR_DATA, "no movie '%s' in the model", text);
        status = list.length ? cps_hint(CPS_ERR_DATA, "the nearest are %s", list.data) : CPS_ERR_DATA;
    }
    cps_text_release(&list);
    return status;
}

/* ---- finding ---- */

static enum cps_status find_folded(const struct cps_title_search *self, const char *text, const char *folded,
                                   uint32_t *row)
{
    static bool (*const tests[])(const char *, const char *) = {is_whole, is_beginning, has_words, is_part};
    for (size_t t = 0; t < sizeof tests / sizeof *tests; t++) {
        uint32_t count = 0, found = 0;
        for (uint32_t r = 1; r < self->names->rows; r++) {
            if (!tests[t](self->folded[r], folded))
                continue;
            found = r;
            count++;
        }
        if (count > 1)
            return refuse_several(self, text, folded, tests[t], count);
        if (count == 1) {
            *row = found;
            return CPS_OK;
        }
    }
    return refuse_unknown(self, text, folded);
}

static uint32_t find_exact(const struct cps_title_search *self, const char *text)
{
    uint32_t row = cps_id_index_find(&self->ids, text, strlen(text));
    for (uint32_t r = 0; row == CPS_ROW_NONE && r < self->names->rows; r++)
        if (strcmp(title_of(self->names, r), text) == 0)
            row = r;
    return row;
}

enum cps_status cps_title_search_find(const struct cps_title_search *self, const char *text, uint32_t *row)
{
    char *folded;
    uint32_t exact = find_exact(self, text);
    if (exact != CPS_ROW_NONE) {
        *row = exact;
        return CPS_OK;
    }
    if (strspn(text, " ") == strlen(text))
        return cps_fail(CPS_ERR_DATA, "no title was given");
    locale_t locale = lower_case_locale();
    enum cps_status status = locale ? fold(locale, text, &folded) : cps_fail_memory("a locale", 1);
    if (locale)
        freelocale(locale);
    CPS_TRY(status);
    status = find_folded(self, text, folded, row);
    free(folded);
    return status;
}
