// The histogram of a feature's firings as a picture that stands in a page of HTML. Its colours are those of the page. Pure.
import type { CardDocument } from '../../reading/card/read-cards.js';
import { countText } from './quantities.js';
import { htmlText } from './html-text.js';

type Histogram = NonNullable<CardDocument['cards'][number]['histogram']>;

const SIZE = { width: 640, height: 150, left: 6, right: 6, top: 14, bottom: 22 } as const;
/** Bins of one of the ten bands. */
const BAND_BINS = 4;
const LEAST_BAR = 1.5;

/** @param format of the values on the axis */
export function histogramSvg({ max, counts }: Histogram, format: (value: number) => string): string {
  const { width, height, left, right, top, bottom } = SIZE;
  const [inner, floor] = [width - left - right, height - bottom];
  const step = inner / counts.length;
  const greatest = Math.max(...counts);
  const bars = counts.map((count, bin) => {
    if (count === 0) return '';
    const tall = Math.max(LEAST_BAR, ((floor - top) * count) / greatest);
    const range = `${format((bin * max) / counts.length)} to ${format(((bin + 1) * max) / counts.length)}`;
    const box = `x="${round(left + bin * step + 0.5)}" y="${round(floor - tall)}" width="${round(step - 1)}" height="${round(tall)}"`;
    const shade = Math.floor(bin / BAND_BINS) % 2 === 0 ? 'bar' : 'bar odd';
    return `<rect class="${shade}" ${box}><title>${htmlText(`${range}: ${countText(count)}`)}</title></rect>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    return `<text class="tick" x="${round(left + share * inner)}" y="${height - 6}" text-anchor="${anchor}">${htmlText(format(share * max))}</text>`;
  });
  const most = `<text class="tick" x="${left}" y="10">${htmlText(countText(greatest))} in the fullest bin</text>`;
  const axis = `<line class="axis" x1="${left}" y1="${floor + 0.5}" x2="${width - right}" y2="${floor + 0.5}"/>`;
  const label = `Histogram of ${countText(counts.reduce((sum, count) => sum + count, 0))} firings from 0 to ${format(max)}`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${htmlText(label)}">${bars.join('')}${axis}${ticks.join('')}${most}</svg>`;
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}
