// A tensor that stays where it was computed, so that a state need not travel between steps: a GPU buffer of webgpu, plain
// memory of cpu and cuda (which from Node has no IO binding: there state belongs inside one Loop). Its values are read by
// download (transfer.ts) only; asking ONNX Runtime for them directly would abort the process.
import type { Tensor as OrtTensor } from 'onnxruntime-node';
import type { DataTypeName } from '../core/onnx/data-type.js';
import { InputError } from '../schemas/errors.js';
import type { Provider } from './provider.js';

/** Handle of a tensor on a device. Dispose of it as soon as it is not needed: a GPU's memory is not collected. */
export class DeviceTensor {
  readonly dtype: DataTypeName;
  readonly dims: readonly number[];
  readonly provider: Provider;
  #tensor: OrtTensor | null;

  constructor(tensor: OrtTensor, dtype: DataTypeName, provider: Provider) {
    this.#tensor = tensor;
    this.dtype = dtype;
    this.dims = tensor.dims;
    this.provider = provider;
  }

  /** Whether the values lie on a GPU. */
  get onGpu(): boolean {
    return this.#tensor?.location === 'gpu-buffer';
  }

  /** ONNX Runtime's own tensor. @throws InputError after dispose, and for a session of another provider */
  tensorFor(provider: Provider): OrtTensor {
    if (this.#tensor === null) {
      throw new InputError(
        `Expected a tensor that is still there, got one of ${this.dtype} [${this.dims.join(', ')}] after its dispose. Dispose of it after its last use.`,
        { dims: this.dims },
      );
    }
    if (provider === this.provider) return this.#tensor;
    throw new InputError(
      `Expected a tensor of the provider "${provider}", got one that lies with "${this.provider}". Download it and feed its values.`,
      { provider: this.provider, expected: provider },
    );
  }

  /** Frees the memory. Safe to repeat. */
  dispose(): void {
    if (this.onGpu) this.#tensor?.dispose();
    this.#tensor = null;
  }
}
