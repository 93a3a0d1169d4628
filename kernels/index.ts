// The kernels of dictionaries: what a training step and an inference do beside the encoder product, over what fired and nothing
// else. AssemblyScript, compiled to dist/kernels/kernels.wasm; runtime/kernels/ loads it. Every sum has one order that depends on
// its operands alone, never on threads, and WebAssembly has no contracted multiply-add: equal inputs give equal bits everywhere.
//
// Layouts, all little-endian in one memory, rows padded with zeros to a multiple of 4 floats (`stride`):
//   z [F, B]        scores, a row per feature        keys u64   value bits << 32 | ~feature: larger value first, then lower feature
//   pairs by row    offsets u32 [B + 1], feature u32, value f32: ascending features
//   pairs by feature   touched u32 [T], starts u32 [T + 1], row u32: ascending rows
export * from './select';
export * from './propose';
export * from './pairs';
export * from './products';
export * from './update';
export * from './quantise';
