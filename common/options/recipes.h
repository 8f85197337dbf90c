/*
 * The recipes that ship: option files under a name, for --recipe. Their values lie below
 * those of --config, so that anything else that is said wins.
 *
 * To add one: a file recipes/NAME.conf and its name in CMakeLists.txt. A recipe names no
 * data set; what must depend on the data does so by a rule, such as 'batch-size = auto'.
 */
#ifndef CPS_OPTIONS_RECIPES_H
#define CPS_OPTIONS_RECIPES_H

/* "none" and the names of all recipes, ended by NULL. */
extern const char *const cps_recipe_names[];

/* The option file of each name; "" for none. */
extern const char *const cps_recipe_texts[];

#endif
