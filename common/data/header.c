/* Known column names; see header.h. Used by columns.c once a file. */
#include "common/data/header.h"

#include <ctype.h>
#include <string.h>

#define NAME_BYTES 32
#define NAMES 40

/* In lower case, without blanks and punctuation, the most specific first. */
static const char *const known[CPS_COLUMN_ROLES][NAMES] = {
    {"userid", "useridx", "user", "uid", "username", "userprofileid", "userkey", "reviewerid", "reviewer",
     "customerid", "customer", "memberid", "visitorid", "profileid", "personid", "playerid", "readerid", "u"},
    {"movieid",   "itemid",   "item",       "movie",        "filmid",     "film",
     "iid",       "mid",      "parentasin", "asin",         "productid",  "product",
     "bookid",    "isbn",     "artistid",   "trackid",      "songid",     "albumid",
     "animeid",   "gameid",   "jokeid",     "joke",         "businessid", "recipeid",
     "articleid", "courseid", "placeid",    "restaurantid", "beerid",     "beerbeerid",
     "showid",    "itemname", "title",      "movietitle",   "booktitle",  "i"},
    {"rating",
     "ratings",
     "score",
     "stars",
     "starrating",
     "userrating",
     "userscore",
     "movierating",
     "bookrating",
     "itemrating",
     "productrating",
     "ratingscore",
     "ratingvalue",
     "reviewscore",
     "reviewoverall",
     "reviewrating",
     "myrating",
     "overall",
     "rate",
     "value",
     "weight",
     "playcount",
     "r"},
};
static const char *const times[] = {
    "timestamp", "time",      "date", "datetime", "unixtime",   "unixreviewtime", "reviewtime", "ratingtime",
    "ratedat",   "createdat", "ts",   "when",     "ratingdate", "reviewdate",     "tstamp"};

const char *cps_column_role_name(enum cps_column_role role)
{
    static const char *const names[] = {"a user", "an item", "a rating", "another column"};
    return names[role];
}

size_t cps_header_find(const struct cps_field *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (cps_field_is(&names[i], name))
            return i;
    return CPS_COLUMN_NONE;
}

/* The letters and digits of a name in lower case, without what follows in brackets, a unit or a scale; "" for
 * one that is longer than any known. */
static void fold(const struct cps_field *name, char out[NAME_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < name->length; i++) {
        unsigned char c = (unsigned char)name->text[i];
        if (used > 0 && (c == '(' || c == '['))
            break;
        if (!isalnum(c))
            continue;
        if (used == NAME_BYTES - 1) {
            used = 0;
            break;
        }
        out[used++] = (char)tolower(c);
    }
    out[used] = '\0';
}

size_t cps_header_find_role(const struct cps_field *names, size_t count, enum cps_column_role role)
{
    size_t found = CPS_COLUMN_NONE, best = NAMES;
    for (size_t i = 0; i < count; i++) {
        char name[NAME_BYTES];
        fold(&names[i], name);
        for (size_t k = 0; k < best && known[role][k]; k++)
            if (strcmp(name, known[role][k]) == 0) {
                best = k;
                found = i;
            }
    }
    return found;
}

bool cps_header_is_time(const struct cps_field *field)
{
    char name[NAME_BYTES];
    fold(field, name);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (strcmp(name, times[i]) == 0)
            return true;
    return false;
}
