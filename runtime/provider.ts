// The names of what a session can compute on, as ONNX Runtime calls its execution providers.

export type Provider = 'cpu' | 'cuda' | 'webgpu';
