/*
 * The built-in recipes: named option files, for --recipe. Every other source, --config included, overrides
 * their values; only defaults are weaker.
 *
 * To add one, write recipes/NAME.conf and add its name to CMakeLists.txt. A recipe names no
 * data set; values that depend on the data use a rule, such as 'batch-size = auto'.
 */
#ifndef CPS_OPTIONS_RECIPES_H
#define CPS_OPTIONS_RECIPES_H

/* "none" and the names of all recipes, ended by NULL. */
extern const char *const cps_recipe_names[];

/* The option file of each name; "" for "none". */
extern const char *const cps_recipe_texts[];

#endif
