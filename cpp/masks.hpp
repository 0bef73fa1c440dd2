// The loops of the geometric masks that array operations are slow at. On one thread: a frame of a
// live map shares the processor with the encoder and the trainer.
#pragma once
#include <cstdint>
#include <vector>

namespace g3d {

// A frame at 1/stride of its size: mean colour, and mean depth of those pixels of each block that
// are on its nearest surface. `depth` [h,w] and `color` [h,w,3] are written.
void reduce_frame(const uint8_t* rgb, const float* depth_m, int height, int width, int stride,
                  float max_depth_m, int h, int w, float* depth, float* color);

// Normals [h,w,3] towards the camera, zero where there are none, from the gradient of inverse depth
// averaged over 5 x 5 pixels. rays [h,w,3] have z = 1.
void normals_of(const float* depth, const float* rays, int h, int w, float fx, float fy,
                float* normals);

// Pieces of the masked pixels, numbered from 1 in raster order, 0 elsewhere; returns their number.
// Two pixels are linked whose points are nearer than reach of the first + pitch of the first times
// their distance in pixels, for the given steps (rows, columns).
int connect(const float* points, const uint8_t* mask, const float* reach, const float* pitch, int h,
            int w, const std::vector<int>& steps, int32_t* pieces);

// Pixels on a plane normal . p + offset = 0 within slack and three times the noise, in pieces that
// are more than a strip, of more than `least_m2`; see planes.py. `bits` [h,w] is written.
void band(const float* points, const uint8_t* valid, const float* sigma, const float* area, int h,
          int w, const float normal[3], float offset, float slack, float least_m2, uint8_t* bits);

// Sums [H,W,3] of an image over 3 x 3 pixels, its border repeated.
void sum_3x3(const uint8_t* rgb, int height, int width, int16_t* sums);

// Gives each pixel that is not sure but within reach the label of its most similar sure neighbour
// among the steps; see mask_outlines.py. Changes `full` and `sure`.
void vote(int32_t* full, int32_t* sure, const uint8_t* reach, const int16_t* colors,
          const float* depth_m, int height, int width, const std::vector<int>& steps,
          float per_color);

}  // namespace g3d
