/* Columns of ratings files as programs of the world write them: taken right, or refused in a line that says
 * how to go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "common/data/build.h"
#include "common/data/skip.h"

#define USERS 30
#define ITEMS 20

struct input {
    const char *head, *line, *tail; /* of a file; line is written once a rating, see fill() */
    const char *user_column, *item_column, *rating_column;
    bool wide;
    const char *missing;
    uint64_t skip_bad;
};

static int rating_of(int user, int item)
{
    return 1 + (user * 7 + item * item * 3 + user * item) % 5;
}

/* The lines of 600 ratings; in the pattern stand $u for the user, $i the item, $r the rating, $t a time, $n
 * the line's number, $a the user's age, $2 another rating. */
static void fill(struct cps_text *out, const char *pattern)
{
    for (int n = 0; n < USERS * ITEMS; n++) {
        int user = 1 + n / ITEMS, item = 1 + n % ITEMS, rating = rating_of(user, item);
        for (const char *c = pattern; *c; c++) {
            int value = 0;
            if (*c != '$') {
                assert_int_equal(cps_text_add_bytes(out, c, 1), CPS_OK);
                continue;
            }
            switch (*++c) {
            case 'u':
                value = user;
                break;
            case 'i':
                value = item;
                break;
            case 'r':
                value = rating;
                break;
            case 't':
                value = 880000000 + n * 977 % 1000000;
                break;
            case 'n':
                value = n + 1;
                break;
            case 'a':
                value = 20 + user % 40;
                break;
            default:
                value = 1 + (rating * 3 + item) % 4;
            }
            assert_int_equal(cps_text_add(out, "%d", value), CPS_OK);
        }
        assert_int_equal(cps_text_add(out, "\n"), CPS_OK);
    }
}

static enum cps_status build(const struct input *input, struct cps_dataset *out)
{
    struct cps_text text = {0};
    struct cps_dataset_request request = {.shards = 1,
                                          .keep_samples = true,
                                          .user_column = input->user_column,
                                          .item_column = input->item_column,
                                          .rating_column = input->rating_column,
                                          .wide = input->wide,
                                          .missing = input->missing,
                                          .skip_bad = input->skip_bad};
    assert_int_equal(cps_text_add(&text, "%s", input->head ? input->head : ""), CPS_OK);
    if (input->line)
        fill(&text, input->line);
    assert_int_equal(cps_text_add(&text, "%s", input->tail ? input->tail : ""), CPS_OK);
    /* Exactly as long as it is, so that a sanitizer sees any step beyond the end. */
    char *copy = malloc(text.length);
    memcpy(copy, text.data, text.length);
    struct cps_dataset_sources sources = {.ratings = {.path = "r.csv", .data = copy, .size = text.length}};
    enum cps_status status = cps_dataset_build(&request, &sources, out);
    free(copy);
    cps_text_release(&text);
    return status;
}

static void check_ratings(const char *name, const struct cps_dataset *data)
{
    if (data->rating_count != USERS * ITEMS || data->users.rows != USERS + 1 || data->movies.rows != ITEMS + 1)
        fail_msg("%s: %u ratings by %u users of %u items", name, (unsigned)data->rating_count,
                 data->users.rows - 1, data->movies.rows - 1);
    double sum = 0, want = 0;
    for (uint64_t n = 0; n < data->train.count; n++)
        sum += (double)data->train.rating[n];
    for (int n = 0; n < USERS * ITEMS; n++)
        want += rating_of(1 + n / ITEMS, 1 + n % ITEMS);
    if (sum != want)
        fail_msg("%s: ratings sum to %g, not %g", name, sum, want);
}

static void the_columns_are_found_and_told(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct input input;
        const char *columns;
    } cases[] = {
        {"three columns", {.line = "$u,$i,$r"}, "user = column 1, item = column 2, rating = column 3"},
        {"a time beside them",
         {.line = "$u\t$i\t$r\t$t"},
         "user = column 1, item = column 2, rating = column 3"},
        {"a date beside them",
         {.line = "$u::$i::$r::2001-02-03 04:05:06"},
         "user = column 1, item = column 2, rating = column 3"},
        {"a title beside them",
         {.line = "$u,$i,$r,\"Film, the $ith\""},
         "user = column 1, item = column 2, rating = column 3"},
        {"ids of letters", {.line = "A$uX,B$i,$r.0,$t"}, "user = column 1, item = column 2, rating = column 3"},
        {"unknown names of three columns",
         {.head = "who,what,much\n", .line = "$u,$i,$r"},
         "user = column 1 'who', item = column 2 'what', rating = column 3 'much'"},
        {"unknown names and a time",
         {.head = "who,what,much,when\n", .line = "$u,$i,$r,$t"},
         "user = column 1 'who', item = column 2 'what', rating = column 3 'much'"},
        {"Book-Crossing",
         {.head = "\"User-ID\";\"ISBN\";\"Book-Rating\"\r\n", .line = "\"$u\";\"\\\"$i\\\"\";\"$r\"\r"},
         "user = column 1 'User-ID', item = column 2 'ISBN', rating = column 3 'Book-Rating'"},
        {"scales in brackets, and a count beside them",
         {.head = "n,user id,movie id (imdb),rating (1-5 stars)\n", .line = "$n,$u,$i,$r"},
         "user = column 2 'user id', item = column 3 'movie id (imdb)', rating = column 4 'rating (1-5 "
         "stars)'"},
        {"pandas with its index",
         {.head = ",userId,movieId,rating\n", .line = "$n,$u,$i,$r"},
         "user = column 2 'userId', item = column 3 'movieId', rating = column 4 'rating'"},
        {"pandas without names",
         {.head = "0,1,2\n", .line = "$u,$i,$r"},
         "user = column 1, item = column 2, rating = column 3"},
        {"pandas without names, but a time",
         {.head = "0\t1\t2\t3\n", .line = "$u\t$i\t$r\t$t"},
         "user = column 1, item = column 2, rating = column 3"},
        {"pandas without names, with its index",
         {.head = ",0,1,2\n",
          .line = "$n,$u,$i,$r",
          .user_column = "2",
          .item_column = "3",
          .rating_column = "4"},
         "user = column 2, item = column 3, rating = column 4"},
        {"R's write.csv with row names",
         {.head = "\"\",\"User.ID\",\"ISBN\",\"Book.Rating\"\n", .line = "\"$n\",$u,\"$i\",$r"},
         "user = column 2 'User.ID', item = column 3 'ISBN', rating = column 4 'Book.Rating'"},
        {"R's write.table, whose header is a name short",
         {.head = "\"user\" \"item\" \"rating\"\n", .line = "\"$n\" \"$u\" \"$i\" $r"},
         "user = column 2 'user', item = column 3 'item', rating = column 4 'rating'"},
        {"write.table with columns by name",
         {.head = "\"s\" \"d\" \"age\" \"y\"\n",
          .line = "\"$n\" \"$u\" \"$i\" \"$a\" $r",
          .user_column = "s",
          .item_column = "d",
          .rating_column = "y"},
         "user = column 2 's', item = column 3 'd', rating = column 5 'y'"},
        {"a header that is short of a name at its end",
         {.head = "user,item,rating\n", .line = "$u,$i,$r,$t"},
         "user = column 1 'user', item = column 2 'item', rating = column 3 'rating'"},
        {"Excel's separator line",
         {.head = "sep=;\nuser;item;rating\n", .line = "$u;$i;$r"},
         "user = column 1 'user', item = column 2 'item', rating = column 3 'rating'"},
        {"blanks", {.line = "  $u   $i $r"}, "user = column 1, item = column 2, rating = column 3"},
        {"LIBMF", {.line = "$u $i $r"}, "user = column 1, item = column 2, rating = column 3"},
        {"bars", {.line = "$u|$i|$r"}, "user = column 1, item = column 2, rating = column 3"},
        {"KONECT",
         {.head = "% bip weighted\n% 600 30 20\n", .line = "$u $i $r $t"},
         "user = column 1, item = column 2, rating = column 3"},
        {"Matrix Market",
         {.head = "%%MatrixMarket matrix coordinate real general\n%\n30 20 600\n", .line = "$u $i $r"},
         "user = column 1, item = column 2, rating = column 3"},
        {"a header behind a comment mark",
         {.head = "# by hand\n#userId,movieId,rating\n", .line = "$u,$i,$r"},
         "user = column 1 '#userId', item = column 2 'movieId', rating = column 3 'rating'"},
        {"exponents",
         {.head = "userID,itemID,stars\n", .line = "$u,$i,$r.0E+00"},
         "user = column 1 'userID', item = column 2 'itemID', rating = column 3 'stars'"},
        {"commas in another column of a file with semicolons",
         {.head = "user;item;rating;tags\n", .line = "$u;$i;$r;a,b,c"},
         "user = column 1 'user', item = column 2 'item', rating = column 3 'rating'"},
        {"text over several lines before the ratings",
         {.head = "user,review,item,rating\n", .line = "$u,\"good,\n1,2,3\nand \"\"short\"\"\",$i,$r"},
         "user = column 1 'user', item = column 3 'item', rating = column 4 'rating'"},
        {"text over several lines behind the ratings",
         {.head = "user,item,rating,review\n", .line = "$u,$i,$r,\"good,\n1,2,3\nand \"\"short\"\"\""},
         "user = column 1 'user', item = column 2 'item', rating = column 3 'rating'"},
        {"a lone quote behind the ratings",
         {.head = "user,item,rating,review\n", .line = "$u,$i,$r,\"never closed"},
         "user = column 1 'user', item = column 2 'item', rating = column 3 'rating'"},
        {"the rating's column alone, and a time",
         {.line = "$u,$i,$t,$r", .rating_column = "4"},
         "user = column 1, item = column 2, rating = column 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_dataset data;
        if (build(&cases[i].input, &data) != CPS_OK)
            fail_msg("%s: %s", cases[i].name, cps_error_text());
        check_ratings(cases[i].name, &data);
        if (strcmp(data.columns, cases[i].columns) != 0)
            fail_msg("%s: want %s, got %s", cases[i].name, cases[i].columns, data.columns);
        assert_null(data.notes.data);
        cps_dataset_release(&data);
    }
}

#define CANNOT(count) "r.csv:1: cannot tell which of " count " columns are user, item and rating: "

static void doubtful_columns_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct input input;
        const char *want, *hint; /* the hint has this in it */
    } cases[] = {
        {{.head = "s,d,studage,lectage,service,dept,y\n", .line = "$u,$i,$a,2,0,3,$r"},
         CANNOT("7") "the header has no known column name",
         "--user-column, --item-column and --rating-column"},
        {{.head = "\"\",\"s\",\"d\",\"y\"\n", .line = "\"$n\",\"$u\",\"$i\",$r"},
         CANNOT("4") "the header has no known column name",
         "--user-column"},
        {{.head = "s,d,y,z\n", .line = "$u,$i,$r,$2", .rating_column = "y"},
         CANNOT("4") "the header has no known column name",
         "--user-column"},
        {{.line = "$u,$i,$t"},
         CANNOT("3") "column 3 has values up to 880585216, too large for ratings",
         "--rating"},
        {{.line = "$u,$i,$t,$r"},
         CANNOT("4") "column 3 has values up to 880585216, too large for ratings",
         "--rating-column"},
        {{.line = "$u,$i,$r,$2"}, CANNOT("4") "columns 3 and 4 both look like ratings", "--rating-column"},
        {{.line = "$u,$i,$a"},
         CANNOT("3") "column 3 is the same in all lines of a user (column 1)",
         "--user-column"},
        {{.line = "$u,$r,$i"}, CANNOT("3") "column 3 looks more like items than column 2", "--user-column"},
        {{.line = "$r,$u,$i"}, CANNOT("3") "column 3 looks more like users than column 1", "--user-column"},
        {{.line = "$u,$i,$n"},
         CANNOT("3") "column 3 has 600 different values in 600 lines, too many for ratings",
         ""},
        {{.line = "$n,$u,$r"}, CANNOT("3") "column 1 numbers the lines", "--user-column"},
        {{.line = "$n,$u,$i,$r"}, CANNOT("4") "columns 3 and 4 both look like ratings", "--user-column"},
        {{.line = "$u,Film $i,purchase,1.0,0"},
         CANNOT("5") "column 3 is not made of numbers",
         "--rating-column"},
        {{.line = "$u,$i,$a,$r", .rating_column = "4"},
         CANNOT("4") "column 3 may be the user or the item as well",
         "--user-column"},
        {{.line = "$n,1,2,3,4,5,1,2,3,4,5,1,2,3,4,5,1,2,3"}, CANNOT("19") "too many to guess", "--layout wide"},
        {{.head = "user,a,b,c,d,e,f,g,h,i2,j,k,l,m,n,o,p,q,r2\n",
          .line = "$u,1,2,3,4,5,1,2,3,4,5,1,2,3,4,5,1,2,3"},
         "r.csv:1: no column of the header looks like an item",
         "--layout wide"},
        {{.line = "$u;$i;$r,5"}, CANNOT("3") "column 3 is not made of numbers", "decimal point"},
        {{.head = "user;item;rating\n", .line = "$u;$i;$r,5"},
         "r.csv:2: rating '2,5' is not a number",
         "sed 's/,/./g'"},
        {{.head = "user,item,rating\n", .line = "$u,$i,\"1,00$r\""},
         "r.csv:2: rating '1,002' is not a number",
         "no commas"},
        {{.head = "user,item,rating\n", .line = "$u,$i,$r", .tail = "1,2,NA\n"},
         "r.csv:602: rating 'NA' is not a number",
         "--skip-bad N|all"},
        {{.head = "user,item,rating\n", .line = "$u,$i,$r", .tail = "user,item,rating\n"},
         "r.csv:602: rating 'rating' is not a number",
         "--skip-bad N|all"},
        {{.line = "{\"user\": $u, \"item\": $i, \"rating\": $r}"},
         "r.csv:1: this is JSON, not a table",
         "convert"},
        {{.head = "<html>\n", .line = "$u,$i,$r"},
         "r.csv:1: this is markup (XML or HTML), not a table",
         "convert"},
        {{.head = "%%MatrixMarket matrix array real general\n30 20\n", .line = "$r"},
         "r.csv:1: a Matrix Market file not in coordinate form",
         "one line per rating"},
        {{.head = "# nothing\n"}, "'r.csv' holds nothing but comments", ""},
        {{.head = "user,item,rating\n", .line = "$u,$i,$t"},
         "the ratings of 'r.csv', 880000000 to 880585216, are timestamps",
         "--rating-column"},
        {{.head = "user,item,rating\n", .line = "$u,$i,$r000000"},
         "a rating of 5000000 in 'r.csv', but ratings must be below 1000000",
         "logarithm"},
        {{.head = "user,item,rating\n", .line = "$u,$i,-$r000000"},
         "a rating of -5000000 in 'r.csv', but ratings must be below 1000000",
         "logarithm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_dataset data;
        cps_error_clear();
        if (build(&cases[i].input, &data) == CPS_OK)
            fail_msg("read without complaint: %s", cases[i].input.line);
        assert_string_equal(cps_error_text(), cases[i].want);
        if (!strstr(cps_error_hint(), cases[i].hint))
            fail_msg("%s: the hint is '%s'", cases[i].want, cps_error_hint());
    }
}

static void bad_lines_are_skipped_as_far_as_allowed(void **state)
{
    (void)state;
    static const char bad[] = "99,6,NA\n,6,3\n\"5,6,3\n5,98\n97,6,3\x01\n";
    struct input input = {.head = "user,item,rating\n", .line = "$u,$i,$r", .tail = bad, .skip_bad = 5};
    struct cps_dataset data;
    if (build(&input, &data) != CPS_OK)
        fail_msg("%s", cps_error_text());
    check_ratings("with five bad lines", &data);
    assert_string_equal(data.notes.data, "5 lines that cannot be read were left out:\n"
                                         "r.csv:602: rating 'NA' is not a number\n"
                                         "r.csv:603: empty user id\n"
                                         "r.csv:604: a quote is not closed on its line\n"
                                         "r.csv:605: the line ends before a rating\n"
                                         "r.csv:606: rating '3?' is not a number\n");
    cps_dataset_release(&data);
    input.skip_bad = 4;
    assert_int_equal(build(&input, &data), CPS_ERR_DATA);
    assert_string_equal(cps_error_text(), "r.csv:606: rating '3?' is not a number");
    assert_non_null(strstr(cps_error_hint(), "--skip-bad allows 4 such lines"));
    input = (struct input){.head = "user,item,rating\n", .tail = "1,2,x\n1,3,y\n", .skip_bad = CPS_SKIP_ALL};
    assert_int_equal(build(&input, &data), CPS_ERR_DATA);
    assert_string_equal(cps_error_text(), "'r.csv' holds no ratings: none of its 2 lines can be read");
}

static void no_more_than_ten_skipped_lines_are_told(void **state)
{
    (void)state;
    struct input input = {.head = "user,item,rating\n",
                          .line = "$u,$i,$r",
                          .tail = "1,2,\n1,2,\n1,2,\n1,2,\n1,2,\n1,2,\n1,2,\n1,2,\n1,2,\n1,2,\n1,2,\n",
                          .skip_bad = CPS_SKIP_ALL};
    struct cps_dataset data;
    assert_int_equal(build(&input, &data), CPS_OK);
    assert_non_null(strstr(data.notes.data, "11 lines that cannot be read were left out; the first ten:\n"));
    assert_non_null(strstr(data.notes.data, "r.csv:611: empty rating\n"));
    assert_null(strstr(data.notes.data, "r.csv:612"));
    cps_dataset_release(&data);
}

static void what_surprises_is_noted(void **state)
{
    (void)state;
    static const struct {
        struct input input;
        const char *want;
    } cases[] = {
        {{.head = "user,item,rating\n", .line = "$u,$i,3"},
         "all ratings are 3, so there is nothing to learn\n"},
        {{.head = "user,item,rating\n", .line = "$u,$i,$r", .tail = "1,2,3\n1,2,4\n2,2,4\n"},
         "3 ratings (0.5 %) repeat a pair of user and item; all of them are used\n"},
        {{.head = "user,item,plays\n", .line = "$u,$i,$r000", .rating_column = "plays"},
         "ratings range from 1000 to 5000; if they are counts, their logarithms train better\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_dataset data;
        if (build(&cases[i].input, &data) != CPS_OK)
            fail_msg("%s", cps_error_text());
        assert_string_equal(data.notes.data, cases[i].want);
        cps_dataset_release(&data);
    }
}

/* The samples as "user,item,rating;" in the order of the file. */
static void describe(const struct cps_dataset *data, struct cps_text *out)
{
    for (uint64_t i = 0; i < data->train.count; i++) {
        uint64_t user_length, movie_length;
        const char *user = cps_vocabulary_name(&data->users, data->train.user[i], &user_length);
        const char *movie = cps_vocabulary_name(&data->movies, data->train.movie[i], &movie_length);
        assert_int_equal(cps_text_add(out, "%.*s,%.*s,%g;", (int)user_length, user, (int)movie_length, movie,
                                      (double)data->train.rating[i]),
                         CPS_OK);
    }
}

static void matrices_are_read(void **state)
{
    (void)state;
    static const struct {
        struct input input;
        const char *want, *columns;
    } cases[] = {
        {{.head = "user,Alien,Brazil,Casablanca\nann,5,,3\nbob,,4.5,\n"},
         "ann,Alien,5;ann,Casablanca,3;bob,Brazil,4.5;",
         "a matrix of 3 items named by the header, user = column 1 'user'"},
        {{.head = "2,-7.82,99,8.5\n1,99.00,4,99\n", .missing = "99"},
         "1,1,-7.82;1,3,8.5;2,2,4;",
         "a matrix of 3 items, user = the line's number, column 1 is the number of ratings of its line"},
        {{.head = "5 NA 3\n1 2 NA\n", .missing = "NA"},
         "1,1,5;1,3,3;2,1,1;2,2,2;",
         "a matrix of 3 items, user = the line's number"},
        {{.head = "x7;1;2\nx9;3;\n", .user_column = "1"},
         "x7,1,1;x7,2,2;x9,1,3;",
         "a matrix of 2 items, user = column 1"},
        {{.head = "A,who,B\n1,u1,2\n,u2,3\n", .user_column = "who"},
         "u1,A,1;u1,B,2;u2,B,3;",
         "a matrix of 2 items named by the header, user = column 2 'who'"},
        {{.head = "1,2\n1,x\n3,4\n", .skip_bad = 1},
         "1,1,1;1,2,2;3,1,3;3,2,4;",
         "a matrix of 2 items, user = the line's number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_dataset data;
        struct cps_text got = {0};
        struct input input = cases[i].input;
        input.wide = true;
        if (build(&input, &data) != CPS_OK)
            fail_msg("%s: %s", input.head, cps_error_text());
        describe(&data, &got);
        assert_string_equal(got.data, cases[i].want);
        assert_string_equal(data.columns, cases[i].columns);
        cps_text_release(&got);
        cps_dataset_release(&data);
    }
}

static void bad_matrices_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct input input;
        const char *want;
    } cases[] = {
        {{.head = "1,2,3\n4,x,6\n"}, "r.csv:2: 'x' in column 2 is not a number"},
        {{.head = "1,2,3\n4,5\n"}, "r.csv:2: 2 columns where the first line has 3"},
        {{.head = "1,2,3\n4,5,6,7\n"}, "r.csv:2: 4 columns where the first line has 3"},
        {{.head = "1\n2\n"}, "r.csv:1: a single column is no matrix of ratings"},
        {{.head = "99,99\n", .missing = "99"}, "'r.csv' holds no ratings"},
        {{.head = "user,a,b\n,1,2\n"}, "r.csv:2: empty user id"},
        {{.head = "user,a,a\nx,1,2\n"}, "r.csv:1: columns 2 and 3 have the same name"},
        {{.head = "user,a,b\nx,1,2\n", .user_column = "z"}, "r.csv:1: no column 'z' for the users among 3"},
        {{.head = "1,2\n3,\"4\n"}, "r.csv:2: a quote is not closed on its line"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_dataset data;
        struct input input = cases[i].input;
        input.wide = true;
        if (build(&input, &data) == CPS_OK)
            fail_msg("read without complaint: %s", input.head);
        assert_string_equal(cps_error_text(), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_columns_are_found_and_told),
        cmocka_unit_test(doubtful_columns_are_refused),
        cmocka_unit_test(bad_lines_are_skipped_as_far_as_allowed),
        cmocka_unit_test(no_more_than_ten_skipped_lines_are_told),
        cmocka_unit_test(what_surprises_is_noted),
        cmocka_unit_test(matrices_are_read),
        cmocka_unit_test(bad_matrices_are_refused),
    };
    return cmocka_run_group_tests_name("data_columns", tests, NULL, NULL);
}
