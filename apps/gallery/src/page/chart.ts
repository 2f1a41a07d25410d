const width = 132;
const height = 36;

/** Half a line's width above the edge, and a little below the top one. */
const bottom = height - 1.5;
const room = height - 4;

/** How many values are shown: a minute. */
const length = 60;

const svg = 'http://www.w3.org/2000/svg';

/** A figure with the line of its last minute. */
export interface Chart {
  readonly element: HTMLElement;
  /** Null where it is not known. */
  add(value: number | null): void;
  /** Makes the line appear. */
  draw(): void;
}

/** @param format of the figure; the line has no axis but its largest value */
export function createChart(label: string, unknown: string, format: (value: number) => string): Chart {
  const values: (number | null)[] = [];
  const element = document.createElement('div');
  element.className = 'chart';
  const [name, value] = [document.createElement('span'), document.createElement('strong')];
  name.textContent = label;
  const picture = document.createElementNS(svg, 'svg');
  picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
  picture.setAttribute('preserveAspectRatio', 'none');
  picture.setAttribute('aria-hidden', 'true');
  const [base, area, line] = ['base', 'area', 'line'].map((part) => {
    const path = document.createElementNS(svg, 'path');
    path.setAttribute('class', part);
    return path;
  }) as [SVGPathElement, SVGPathElement, SVGPathElement];
  base.setAttribute('d', `M0 ${bottom}H${width}`);
  picture.append(base, area, line);
  element.append(name, value, picture);

  return {
    element,
    add(latest) {
      values.push(latest);
      values.splice(0, values.length - length);
    },
    draw() {
      const latest = values.at(-1) ?? null;
      value.textContent = latest === null ? '–' : format(latest);
      element.title = latest === null ? unknown : '';
      const path = pathOf(values);
      line.setAttribute('d', path.line);
      area.setAttribute('d', path.area);
    },
  };
}

/** The newest value is at the right edge. */
function pathOf(values: readonly (number | null)[]): { readonly line: string; readonly area: string } {
  const largest = Math.max(...values.map((value) => value ?? 0), 1e-9);
  const step = width / (length - 1);
  const points = values.map((value, index) => {
    const x = width - (values.length - 1 - index) * step;
    const y = bottom - ((value ?? 0) / largest) * room;
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  if (points.length < 2) {
    return { line: '', area: '' };
  }
  const line = `M${points.join('L')}`;
  const start = width - (values.length - 1) * step;
  return { line, area: `${line}L${width} ${height}L${start.toFixed(1)} ${height}Z` };
}
