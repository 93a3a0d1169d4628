// The decoder rows of a stored dictionary, ranges of them, whatever its kind and wiring: of each feature the rows of all sites written,
// one after the other; zeros for a site that it does not write (cross-layer). Reads no more than it is asked for.
import { SafetensorsFile } from '../../storage/files/safetensors-file.js';

export interface WrittenSite {
  readonly width: number;
  /** The decoder [features, width] of the dictionary's first features. */
  readonly tensor: string;
  readonly features: number;
}

export interface DecoderShape {
  readonly features: number;
  readonly writes: readonly WrittenSite[];
}

export class DecoderRows {
  /** Numbers of a row: the widths of the sites written, together. */
  readonly width: number;
  readonly features: number;
  readonly #file: SafetensorsFile;
  readonly #writes: readonly WrittenSite[];

  private constructor(file: SafetensorsFile, { features, writes }: DecoderShape) {
    this.#file = file;
    this.#writes = writes;
    this.features = features;
    this.width = writes.reduce((sum, { width }) => sum + width, 0);
  }

  /** The rows of a dictionary's file; a sentence where its decoders lie in another form. */
  static async open(path: string, shape: DecoderShape): Promise<DecoderRows | string> {
    const file = await SafetensorsFile.open(path);
    for (const { tensor, features, width } of shape.writes) {
      const place = file.places.get(tensor);
      if (place?.dtype === 'F32' && place.shape.join() === [features, width].join()) continue;
      await file.close();
      const found = place ? `${place.dtype} [${place.shape.join(', ')}]` : 'no tensor of that name';
      return `expected a decoder ${tensor} of float32 [${features}, ${width}], found ${found}`;
    }
    return new DecoderRows(file, shape);
  }

  /** [to − from, width] */
  async read(from: number, to: number): Promise<Float32Array<ArrayBuffer>> {
    const [only, other] = this.#writes;
    if (only && other === undefined) return this.#readSite(only, from, to);
    const rows = new Float32Array((to - from) * this.width);
    let column = 0;
    for (const written of this.#writes) {
      const { width } = written;
      const own = await this.#readSite(written, from, Math.min(to, written.features));
      for (let row = 0; row * width < own.length; row++)
        rows.set(own.subarray(row * width, (row + 1) * width), row * this.width + column);
      column += width;
    }
    return rows;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #readSite({ tensor, width }: WrittenSite, from: number, to: number): Promise<Float32Array<ArrayBuffer>> {
    if (to <= from) return new Float32Array(0);
    const bytes = await this.#file.readRange(tensor, from * width * 4, (to - from) * width * 4);
    return new Float32Array(bytes.buffer);
  }
}
