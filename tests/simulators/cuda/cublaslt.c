/* A stand-in for libcublasLt.so.13 beside the fake driver: the functions, types and numbers of cublasLt.h that ArcOps uses, written
 * down independently of it. It multiplies on the host, columns first as the real one does, and moves the stream's clock by a
 * millisecond. FAKE_CUBLASLT_LACKS names a data type (28: FP8) for which it knows no algorithm.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
typedef struct { int compute, scale, trans_a, trans_b; } operation_t;
typedef struct { int type; uint64_t rows, columns; int64_t leading; } layout_t;
typedef struct { uint64_t workspace; } preference_t;
typedef struct { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; } heuristic_t;
_Static_assert(sizeof(heuristic_t) == 96, "as in cublasLt.h");

static int held;
int fake_cublaslt_held(void) { return held; }

static void *made(size_t size, const void *from) {
    held++;
    return memcpy(malloc(size), from, size);
}
static int dropped(void *what) {
    held--;
    free(what);
    return OK;
}

size_t cublasLtGetVersion(void) { return 131000; }
const char *cublasLtGetStatusName(int status) { return status == NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_OTHER"; }
int cublasLtCreate(void **out) { *out = made(4, "lt!"); return OK; }
int cublasLtDestroy(void *handle) { return dropped(handle); }
int cublasLtMatmulDescCreate(void **out, int compute, int scale) {
    operation_t one = {compute, scale, 0, 0};
    *out = made(sizeof one, &one);
    return (compute == 68 || compute == 77) && scale == 0 ? OK : NOT_SUPPORTED;
}
int cublasLtMatmulDescSetAttribute(operation_t *one, int attribute, const void *value, size_t size) {
    if (size != 4 || attribute < 3 || attribute > 4) return INVALID_VALUE;
    memcpy(attribute == 3 ? &one->trans_a : &one->trans_b, value, 4);
    return OK;
}
int cublasLtMatmulDescDestroy(void *one) { return dropped(one); }
int cublasLtMatrixLayoutCreate(void **out, int type, uint64_t rows, uint64_t columns, int64_t leading) {
    layout_t one = {type, rows, columns, leading};
    *out = made(sizeof one, &one);
    return OK;
}
int cublasLtMatrixLayoutDestroy(void *one) { return dropped(one); }
int cublasLtMatmulPreferenceCreate(void **out) { preference_t one = {0}; *out = made(sizeof one, &one); return OK; }
int cublasLtMatmulPreferenceSetAttribute(preference_t *one, int attribute, const void *value, size_t size) {
    if (attribute != 1 || size != 8) return INVALID_VALUE;
    memcpy(&one->workspace, value, 8);
    return OK;
}
int cublasLtMatmulPreferenceDestroy(void *one) { return dropped(one); }

int cublasLtMatmulAlgoGetHeuristic(void *handle, operation_t *operation, layout_t *a, layout_t *b, layout_t *c, layout_t *d,
                                   preference_t *preference, int wanted, heuristic_t *found, int *count) {
    const char *lacks = getenv("FAKE_CUBLASLT_LACKS");
    if (!handle || wanted != 1) return INVALID_VALUE;
    *count = 0;
    /* FP8 is multiplied only with the first operand transposed; the sums are in single precision. */
    if (operation->trans_a != 1 || operation->trans_b || a->type != b->type || c->type || d->type) return NOT_SUPPORTED;
    if (operation->compute == 77 && a->type) return NOT_SUPPORTED;
    if (lacks && atoi(lacks) == a->type) return NOT_SUPPORTED;
    memset(found, 0, sizeof *found);
    found->algorithm[0] = 0xA160;
    found->workspace = preference->workspace / 2;
    *count = 1;
    return OK;
}

static float number(int type, const unsigned char *at, uint64_t index) {
    uint32_t bits;
    float value;
    if (type == 0) return ((const float *)at)[index];
    if (type == 14) {
        bits = (uint32_t)((const uint16_t *)at)[index] << 16;
        memcpy(&value, &bits, 4);
        return value;
    }
    uint32_t code = type == 2 ? ((const uint16_t *)at)[index] : at[index];
    int fraction_bits = type == 2 ? 10 : 3, bias = type == 2 ? 15 : 7, sign = type == 2 ? 15 : 7;
    uint32_t exponent = code >> fraction_bits & (type == 2 ? 31 : 15), fraction = code & ((1u << fraction_bits) - 1);
    if (!exponent && !fraction) return 0;
    value = ldexpf((float)((1u << fraction_bits) + fraction), (int)exponent - bias - fraction_bits);
    return code >> sign & 1 ? -value : value;
}

int cublasLtMatmul(void *handle, operation_t *operation, const float *alpha, const void *a, layout_t *la, const void *b, layout_t *lb,
                   const float *beta, const void *c, layout_t *lc, float *d, layout_t *ld, const uint64_t *algorithm,
                   void *workspace, size_t size, double *stream) {
    if (!handle || *alpha != 1 || *beta != 0 || c != d || lc != ld || algorithm[0] != 0xA160 || !workspace || !size || !stream)
        return INVALID_VALUE;
    (void)operation;
    *stream += 1e6;
    uint64_t depth = la->rows, rows = ld->rows, columns = ld->columns;
    float *left = malloc(depth * rows * 4), *right = malloc(depth * columns * 4);
    for (uint64_t i = 0; i < depth * rows; i++) left[i] = number(la->type, a, i / depth * (uint64_t)la->leading + i % depth);
    for (uint64_t i = 0; i < depth * columns; i++) right[i] = number(lb->type, b, i / depth * (uint64_t)lb->leading + i % depth);
    for (uint64_t column = 0; column < columns; column++)
        for (uint64_t row = 0; row < rows; row++) {
            float sum = 0;
            for (uint64_t k = 0; k < depth; k++) sum += left[row * depth + k] * right[column * depth + k];
            d[column * (uint64_t)ld->leading + row] = sum;
        }
    free(left), free(right);
    return OK;
}
