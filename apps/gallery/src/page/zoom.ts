/** A picture that is moved and enlarged in its stage by wheel, fingers, mouse and keys. */
export interface Zoom {
  /** Begins with all of a picture of so many pixels. */
  fit(width: number, height: number): void;
  /** Enlarges about the middle. */
  by(factor: number): void;
  /** Moves by parts of the stage. */
  pan(right: number, down: number): void;
  /** Shows all of it again. */
  reset(): void;
  /** Whether not all of it is in view. */
  readonly isZoomed: boolean;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** How large a pixel of the picture becomes at most, and how much larger than all of it a small picture does. */
const maxPixel = 8;
const leastMax = 8;

/** Of a wheel that counts lines. */
const linePixels = 16;

/** @param changed is told how large a pixel of the picture is on the screen */
export function createZoom(stage: HTMLElement, frame: HTMLElement, changed: (pixel: number) => void): Zoom {
  let size = { width: 1, height: 1 };
  /** How large a pixel is where all is in view; then how much larger, and how far from the middle. */
  let fitted = 1;
  let scale = 1;
  let at: Point = { x: 0, y: 0 };
  const pointers = new Map<number, Point>();

  new ResizeObserver(() => layOut()).observe(stage);

  function layOut(): void {
    const { width, height } = roomOf(stage);
    fitted = Math.min(1, width / size.width, height / size.height);
    frame.style.width = `${size.width * fitted}px`;
    frame.style.height = `${size.height * fitted}px`;
    apply(scale, at);
  }

  function apply(nextScale: number, next: Point): void {
    scale = Math.min(Math.max(1, nextScale), Math.max(leastMax, maxPixel / fitted));
    const limit = (length: number, room: number, value: number): number => {
      const most = Math.max(0, (length * fitted * scale - room) / 2);
      return Math.min(most, Math.max(-most, value));
    };
    const { width, height } = roomOf(stage);
    at = { x: limit(size.width, width, next.x), y: limit(size.height, height, next.y) };
    frame.style.transform = `translate(${at.x}px, ${at.y}px) scale(${scale})`;
    stage.classList.toggle('zoomed', scale > 1);
    frame.classList.toggle('pixels', fitted * scale > 3);
    changed(fitted * scale);
  }

  /** What is at a point of the stage stays there. */
  function zoomAt({ x, y }: Point, nextScale: number, from = at): void {
    const before = scale;
    apply(nextScale, from);
    const ratio = scale / before;
    apply(scale, { x: x - (x - from.x) * ratio, y: y - (y - from.y) * ratio });
  }

  /** From the middle of the stage. */
  function pointOf({ clientX, clientY }: MouseEvent): Point {
    const { left, top, width, height } = stage.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  stage.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const { deltaY, deltaMode, ctrlKey } = event;
      const pixels = deltaMode === WheelEvent.DOM_DELTA_LINE ? deltaY * linePixels : deltaY;
      // Pads that are pinched tell it as a wheel with ctrl, in small steps.
      zoomAt(pointOf(event), scale * Math.exp(-pixels * (ctrlKey ? 0.01 : 0.002)));
    },
    { passive: false },
  );
  stage.addEventListener('dblclick', (event) => {
    const readable = 1 / fitted;
    zoomAt(pointOf(event), scale > 1 ? 1 : readable > 1.2 ? readable : 3);
  });
  stage.addEventListener('pointerdown', (event) => {
    if (event.button === 0 && !(event.target instanceof HTMLButtonElement)) {
      stage.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, pointOf(event));
    }
  });
  stage.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) {
      return;
    }
    const now = pointOf(event);
    pointers.set(event.pointerId, now);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other === undefined) {
      apply(scale, { x: at.x + now.x - before.x, y: at.y + now.y - before.y });
      return;
    }
    const [from, to] = [middle(before, other), middle(now, other)];
    const ratio = distance(now, other) / Math.max(1, distance(before, other));
    zoomAt(to, scale * ratio, { x: at.x + to.x - from.x, y: at.y + to.y - from.y });
  });
  for (const name of ['pointerup', 'pointercancel'] as const) {
    stage.addEventListener(name, ({ pointerId }) => pointers.delete(pointerId));
  }

  return {
    fit(width, height) {
      size = { width, height };
      [scale, at] = [1, { x: 0, y: 0 }];
      pointers.clear();
      layOut();
    },
    by: (factor) => zoomAt({ x: 0, y: 0 }, scale * factor),
    pan(right, down) {
      const { width, height } = roomOf(stage);
      apply(scale, { x: at.x - right * width, y: at.y - down * height });
    },
    reset: () => apply(1, { x: 0, y: 0 }),
    get isZoomed() {
      return scale > 1;
    },
  };
}

/** Without its padding. */
function roomOf(stage: HTMLElement): { readonly width: number; readonly height: number } {
  const { paddingLeft, paddingRight, paddingTop, paddingBottom } = getComputedStyle(stage);
  return {
    width: Math.max(1, stage.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight)),
    height: Math.max(
      1,
      stage.clientHeight - Number.parseFloat(paddingTop) - Number.parseFloat(paddingBottom),
    ),
  };
}

function middle(one: Point, other: Point): Point {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
