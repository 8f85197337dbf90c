/* Files of a synthetic set. */
#ifndef CPS_DATA_SYNTH_WRITE_H
#define CPS_DATA_SYNTH_WRITE_H

#include "common/base/status.h"
#include "common/synth/synth.h"

/* Writes folder/movies.csv and folder/ratings.csv in the layout of MovieLens 20M and
 * later, creating the folder if necessary; each file is written atomically.
 * CPS_ERR_USAGE like cps_synth_create, CPS_ERR_STORAGE. */
enum cps_status cps_synth_write(const struct cps_synth_spec *spec, const char *folder);

#endif
