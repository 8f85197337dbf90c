/* Exchanges records between ranks; see exchange.h. Sizes are exchanged first, so that every rank can allocate,
 * and an error of a rank is known before the data are sent. */
#include "common/cluster/exchange.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/cluster/collective.h"

/* MPI counts in int, so data are sent in units of this size. */
#define PIECE_BYTES CPS_PEERS_RECORD_BYTES

/* The contributions of all ranks, in pieces. */
struct layout {
    uint64_t *bytes;     /* [ranks] */
    int *pieces, *first; /* [ranks] */
    uint64_t total;      /* pieces */
};

static void layout_release(struct layout *self)
{
    free(self->bytes);
    free(self->pieces);
    free(self->first);
}

static enum cps_status lay_out(struct cps_cluster *self, uint64_t bytes, struct layout *out)
{
    enum cps_status status = cps_alloc("sizes", self->ranks, sizeof *out->bytes, &out->bytes);
    if (status == CPS_OK)
        status = cps_alloc("sizes", self->ranks, sizeof *out->pieces, &out->pieces);
    if (status == CPS_OK)
        status = cps_alloc("sizes", self->ranks, sizeof *out->first, &out->first);
    CPS_TRY(cps_cluster_agree(self, status));
    CPS_TRY(cps_cluster_gather(self, &bytes, sizeof bytes, out->bytes));
    for (uint32_t rank = 0; rank < self->ranks; rank++) {
        uint64_t pieces = (out->bytes[rank] + PIECE_BYTES - 1) / PIECE_BYTES;
        if (out->total + pieces > INT_MAX)
            return cps_fail(CPS_ERR_DATA, "the ranks have more than %d records to exchange at once", INT_MAX);
        out->first[rank] = (int)out->total;
        out->pieces[rank] = (int)pieces;
        out->total += pieces;
    }
    return CPS_OK;
}

/* Encrypts or decrypts rank's contribution to the current exchange. */
static enum cps_status veil(const struct cps_cluster *self, uint32_t rank, void *data, uint64_t bytes)
{
    if (!self->veils || bytes == 0)
        return CPS_OK;
    return cps_curve_veil(self->key, sizeof self->key, self->exchanges, rank, data, bytes);
}

/* Decrypts the contributions of all ranks. */
static enum cps_status unveil(const struct cps_cluster *self, const struct layout *layout, char *all)
{
    for (uint32_t rank = 0; rank < self->ranks; rank++)
        CPS_TRY(veil(self, rank, all + (uint64_t)layout->first[rank] * PIECE_BYTES,
                     (uint64_t)layout->pieces[rank] * PIECE_BYTES));
    return CPS_OK;
}

/* Copies own bytes to whole pieces, since MPI reads whole pieces. */
static enum cps_status pad(const void *own, uint64_t bytes, char **out)
{
    CPS_TRY(cps_alloc("what a rank tells", bytes + PIECE_BYTES, 1, out));
    if (bytes)
        memcpy(*out, own, bytes);
    return CPS_OK;
}

/* Removes the padding in all, in place. */
static void close_gaps(struct cps_cluster *self, const struct layout *layout, char *all, uint64_t *starts)
{
    starts[0] = 0;
    for (uint32_t rank = 0; rank < self->ranks; rank++) {
        memmove(all + starts[rank], all + (uint64_t)layout->first[rank] * PIECE_BYTES, layout->bytes[rank]);
        starts[rank + 1] = starts[rank] + layout->bytes[rank];
    }
}

/* The MPI type of a piece. */
static MPI_Datatype piece_type(void)
{
    MPI_Datatype type;
    MPI_Type_contiguous(PIECE_BYTES, MPI_BYTE, &type);
    MPI_Type_commit(&type);
    return type;
}

static enum cps_status gather_all(struct cps_cluster *self, const struct layout *layout, const char *padded,
                                  char *all)
{
    MPI_Request request;
    MPI_Datatype piece = piece_type();
    int code = MPI_Iallgatherv(padded, layout->pieces[self->rank], piece, all, layout->pieces, layout->first,
                               piece, self->mpi->collectives, &request);
    enum cps_status status = cps_collective_finish_bulk(self, "exchange ids", code, &request);
    MPI_Type_free(&piece);
    return status;
}

enum cps_status cps_cluster_gather_bytes(struct cps_cluster *self, const void *own, uint64_t bytes, char **all,
                                         uint64_t *starts)
{
    struct layout layout = {0};
    char *padded = NULL, *got = NULL;
    self->exchanges++;
    enum cps_status status = lay_out(self, bytes, &layout);
    if (status == CPS_OK) {
        status = pad(own, bytes, &padded);
        if (status == CPS_OK)
            status = veil(self, self->rank, padded, (uint64_t)layout.pieces[self->rank] * PIECE_BYTES);
        if (status == CPS_OK)
            status = cps_alloc("what ranks tell", layout.total + 1, PIECE_BYTES, &got);
        status = cps_cluster_agree(self, status);
    }
    if (status == CPS_OK)
        status = gather_all(self, &layout, padded, got);
    if (status == CPS_OK)
        status = unveil(self, &layout, got);
    if (status == CPS_OK) {
        close_gaps(self, &layout, got, starts);
        *all = got;
        got = NULL;
    }
    free(padded);
    free(got);
    layout_release(&layout);
    return status;
}

static enum cps_status collect(struct cps_cluster *self, uint32_t root, const struct layout *layout,
                               const void *own, void *all)
{
    MPI_Request request;
    MPI_Datatype piece = piece_type();
    int code = MPI_Igatherv(own, layout->pieces[self->rank], piece, all, layout->pieces, layout->first, piece,
                            (int)root, self->mpi->collectives, &request);
    enum cps_status status = cps_collective_finish_bulk(self, "pass on ratings", code, &request);
    MPI_Type_free(&piece);
    return status;
}

enum cps_status cps_cluster_collect(struct cps_cluster *self, uint32_t root, const void *own, uint64_t records,
                                    void **all, uint64_t *count)
{
    struct layout layout = {0};
    char *sent = NULL;
    void *got = NULL;
    bool is_root = self->rank == root;
    self->exchanges++;
    enum cps_status status = lay_out(self, records * PIECE_BYTES, &layout);
    if (status == CPS_OK) {
        if (self->veils)
            status = pad(own, records * PIECE_BYTES, &sent);
        if (status == CPS_OK && sent)
            status = veil(self, self->rank, sent, records * PIECE_BYTES);
        if (status == CPS_OK && is_root)
            status = cps_alloc_raw("ratings", layout.total + 1, PIECE_BYTES, &got);
        status = cps_cluster_agree(self, status);
    }
    if (status == CPS_OK)
        status = collect(self, root, &layout, sent ? sent : own, got);
    if (status == CPS_OK && is_root)
        status = unveil(self, &layout, got);
    if (status == CPS_OK) {
        *all = got;
        *count = is_root ? layout.total : 0;
        got = NULL;
    }
    free(sent);
    free(got);
    layout_release(&layout);
    return status;
}

static enum cps_status gather_for_peers(void *context, const void *own, uint64_t bytes, char **all,
                                        uint64_t *starts)
{
    return cps_cluster_gather_bytes(context, own, bytes, all, starts);
}

static enum cps_status collect_for_peers(void *context, uint32_t root, const void *own, uint64_t records,
                                         void **all, uint64_t *count)
{
    return cps_cluster_collect(context, root, own, records, all, count);
}

static enum cps_status agree_for_peers(void *context, enum cps_status status)
{
    return cps_cluster_agree(context, status);
}

struct cps_peers cps_cluster_peers(struct cps_cluster *self)
{
    return (struct cps_peers){.rank = self->rank,
                              .ranks = self->ranks,
                              .first_host = self->host_of[self->rank] == self->host_of[0],
                              .context = self,
                              .gather = gather_for_peers,
                              .collect = collect_for_peers,
                              .agree = agree_for_peers};
}
