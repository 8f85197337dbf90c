/* Compressed files into memory. */
#ifndef CPS_DATA_UNPACK_H
#define CPS_DATA_UNPACK_H

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/data/source.h"

/* Adds what the gzip file holds, all of its members, to out. CPS_ERR_DATA for a damaged or truncated one. */
enum cps_status cps_unpack_gzip(const struct cps_source *source, struct cps_text *out);

/* Adds the one file of a zip archive to out. CPS_ERR_DATA for a damaged archive and one of several files. */
enum cps_status cps_unpack_zip(const struct cps_source *source, struct cps_text *out);

#endif
