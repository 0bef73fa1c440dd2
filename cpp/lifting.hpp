// Sums of language codes over the Gaussians that a view's cells fall on.
#pragma once
#include <cstdint>

#include "raster.hpp"

namespace g3d {

constexpr uint16_t kNoCode = 0xFFFF;

// One view's language, and the depth it was seen with.
struct CodeView {
    const uint16_t* codes;  // [rows, columns] of cells, kNoCode = none
    const float* weight;    // [rows, columns]
    int rows, columns, cell_px;
    const uint16_t* cell_depth;  // [rows, columns] middle depth of each cell in units, 0 = unknown
    const uint16_t* depth;  // [depth_rows, depth_columns] in units, 0 = unknown
    int depth_rows, depth_columns;
    float depth_step_px, depth_offset_px;  // column c was sampled at pixel c step + offset
    float depth_unit_m;
    float sigma_floor_m;       // added to the sensor's own noise (variances add)
    float jump;                // larger steps between samples, as a share of depth, are edges
    float unknown_agreement;   // where no depth was measured
};

// Running sums of N Gaussians over U codes: the heaviest few of each.
struct CodeSums {
    uint16_t* codes;     // [N,slots], filled from the front
    float* weights;      // [N,slots]
    float* seen;         // [N] sum over views of the share of its pixels that agree
    int slots;
    const uint8_t* alike;  // [U,U] cosines as 0..255
    int64_t alike_count;   // U
};

// Agreement in [0, 1] of a depth z at a pixel with the measured depth.
float depth_agreement(const CodeView&, float u, float v, float z);

// Adds to each Gaussian the code of the cell under its centre, weighed by the sum of its
// contributions to the image (saturating after a few pixels), the cell's weight and the agreement of its depth. A code that finds no
// free slot joins the one most alike. The result does not depend on the number of threads.
void lift_view(Raster&, const GaussianArrays&, const View&, const CodeView&, const CodeSums&);

// Multiplies by `factor` the weights of codes that are not in the majority: those less alike than
// `least` to the code that most of a Gaussian's weight is alike to. `share` [N]: of the majority.
void favour_majority(const CodeSums&, int64_t count, int least, float factor, float* share);

}  // namespace g3d
