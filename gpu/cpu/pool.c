/* Max-pooling, with change of layout and rounding in the same pass over memory.
 *
 * On one core (Zen 5) 2x2 over 708 x 861 x 32 floats takes as long as reading them from memory
 * does; with the rows in cache it is three times as fast, which is why cpu/chain.c joins
 * convolution and pool.
 */
#include "gpu/cpu/ops.h"

#include "gpu/cpu/simd.h"

/* One row of windows over `run` neighbouring channels. in: first channel of the first window;
 * steps in elements: from pixel to pixel and row to row of in, from pixel to pixel of out. */
struct pool_row {
    size_t in_pixel, in_row, out_pixel;
    int32_t w, run, kh, kw, sw;
};

#define POOL_LARGER(a, b) ((a) > (b) ? (a) : (b))

CPU_INLINE void pool_row_f32(const struct pool_row *r, const float *in, float *out, bool round_half)
{
    for (int32_t x = 0; x < r->w; x++, in += (size_t)r->sw * r->in_pixel, out += r->out_pixel)
        for (int32_t c = 0; c < r->run; c++) {
            float largest = in[c];
            for (int32_t i = 0; i < r->kh; i++)
                for (int32_t j = 0; j < r->kw; j++) {
                    float value = in[(size_t)i * r->in_row + (size_t)j * r->in_pixel + (size_t)c];
                    largest = POOL_LARGER(value, largest);
                }
            out[c] = round_half ? cpu_round_half(largest) : largest;
        }
}

CPU_INLINE void pool_row_bf16(const struct pool_row *r, const uint16_t *in, uint16_t *out)
{
    for (int32_t x = 0; x < r->w; x++, in += (size_t)r->sw * r->in_pixel, out += r->out_pixel)
        for (int32_t c = 0; c < r->run; c++) {
            float largest = cpu_from_bf16(in[c]);
            for (int32_t i = 0; i < r->kh; i++)
                for (int32_t j = 0; j < r->kw; j++) {
                    float value = cpu_from_bf16(
                        in[(size_t)i * r->in_row + (size_t)j * r->in_pixel + (size_t)c]);
                    largest = POOL_LARGER(value, largest);
                }
            out[c] = (uint16_t)(cpu_bits(largest) >> 16);
        }
}

/* The usual kernel gets loops of its own: with the bounds known they are unrolled. */
CPU_CLONES static void pool_row_run(const struct pool_row *any, const void *in, void *out,
                                    bool bf16, bool round_half)
{
    if (any->kh == 2 && any->kw == 2) {
        struct pool_row two = *any;
        two.kh = 2;
        two.kw = 2;
        if (bf16)
            pool_row_bf16(&two, in, out);
        else if (round_half)
            pool_row_f32(&two, in, out, true);
        else
            pool_row_f32(&two, in, out, false);
        return;
    }
    if (bf16)
        pool_row_bf16(any, in, out);
    else
        pool_row_f32(any, in, out, round_half);
}

static size_t element_at(const struct cpu_tensor *t, int32_t c, int32_t y)
{
    size_t row = (size_t)(c / t->block) * (size_t)t->h + (size_t)y;
    return row * (size_t)t->w * (size_t)t->block + (size_t)(c % t->block);
}

static void pool_output_row(const struct cpu_pool *p, const unsigned char *in, unsigned char *out,
                            int32_t y)
{
    size_t bytes = cpu_tensor_element_bytes(&p->in);
    int32_t run = p->in.block < p->out.block ? p->in.block : p->out.block;
    for (int32_t c = 0; c < p->in.c; c += run) {
        struct pool_row row = {.in_pixel = (size_t)p->in.block,
                               .in_row = (size_t)p->in.w * (size_t)p->in.block,
                               .out_pixel = (size_t)p->out.block,
                               .w = p->out.w,
                               .run = p->in.c - c < run ? p->in.c - c : run,
                               .kh = p->kh,
                               .kw = p->kw,
                               .sw = p->sw};
        pool_row_run(&row, in + element_at(&p->in, c, y * p->sh) * bytes,
                     out + element_at(&p->out, c, y) * bytes, p->in.stored == GPU_BF16,
                     p->round_half);
    }
}

void cpu_pool_run_alone(const struct cpu_pool *pool, const void *in, void *out)
{
    for (int32_t y = 0; y < pool->out.h; y++)
        pool_output_row(pool, in, out, y);
}

void cpu_pool_run(const struct cpu_pool *pool, const void *in, void *out)
{
#pragma omp parallel for schedule(dynamic, 4)
    for (int32_t y = 0; y < pool->out.h; y++)
        pool_output_row(pool, in, out, y);
}
