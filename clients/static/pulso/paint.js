// What charts paint besides the line: holes in grey with words, estimates hatched, limits dashed, the peak.
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const ratio = () => devicePixelRatio || 1;
const FONT = "Inter, system-ui, sans-serif";

function hatch(context, color, gap = 6) {
  const tile = document.createElement("canvas"), r = ratio();
  tile.width = tile.height = gap * r;
  const pen = tile.getContext("2d");
  pen.strokeStyle = color;
  pen.lineWidth = 1.2 * r;
  pen.beginPath();
  for (const offset of [-gap, 0, gap]) {
    pen.moveTo((offset - 1) * r, (gap + 1) * r);
    pen.lineTo((offset + gap + 1) * r, -1 * r);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

function edges(u, mark) {
  const { left, width } = u.bbox;
  return [Math.max(u.valToPos(mark.start, "x", true), left), Math.min(u.valToPos(mark.end, "x", true), left + width)];
}

function upright(context, x, top, height) {
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, top + height);
  context.stroke();
}

function groundOf(u, marks, color) {
  const { ctx, bbox } = u, r = ratio();
  for (const mark of marks) {
    const [a, b] = edges(u, mark);
    if (b <= a) continue;
    ctx.save();
    if (mark.kind === "missing" || mark.kind === "suspect") {
      ctx.fillStyle = ctx.strokeStyle = css(mark.kind === "missing" ? "--p-faint" : "--s-orange");
      ctx.globalAlpha = 0.16;
      ctx.fillRect(a, bbox.top, b - a, bbox.height);
      ctx.globalAlpha = 0.8;
      ctx.setLineDash([4 * r, 3 * r]);
      ctx.lineWidth = r;
      for (const x of [a, b]) upright(ctx, x, bbox.top, bbox.height);
    } else if (mark.kind === "edited") {
      ctx.fillStyle = css("--p-text"); // a dot at the foot of each step that somebody typed
      for (let x = a + 4 * r; x < b; x += 10 * r) {
        ctx.beginPath();
        ctx.arc(x, bbox.top + bbox.height - 6 * r, 2.5 * r, 0, 7);
        ctx.fill();
      }
    } else {
      ctx.globalAlpha = 0.55;
      ctx.fillStyle = hatch(ctx, css(color));
      ctx.fillRect(a, bbox.top, b - a, bbox.height);
    }
    ctx.restore();
  }
}

function plate(ctx, x, y, width, height, alpha = 0.9) {
  ctx.globalAlpha = alpha;
  ctx.fillStyle = css("--p-bg");
  ctx.fillRect(x, y, width, height);
  ctx.globalAlpha = 1;
}

function labelsOf(u, marks) {
  const { ctx, bbox } = u, r = ratio();
  let taken = -1;
  for (const mark of marks) {
    const [a, b] = edges(u, mark), width = ctx.measureText(mark.label).width, middle = (a + b) / 2;
    if (!mark.label || b - a < 4 || bbox.height < 150 * r || middle - width / 2 < taken) continue;
    taken = middle + width / 2 + 10 * r;
    const x = Math.min(Math.max(middle - width / 2, bbox.left), bbox.left + bbox.width - width);
    plate(ctx, x - 4 * r, bbox.top + 2 * r, width + 8 * r, 17 * r);
    ctx.fillStyle = css("--p-text");
    ctx.fillText(mark.label, x, bbox.top + 5 * r);
  }
}

function limitsOf(u, limits) {
  const { ctx, bbox } = u, r = ratio(), right = bbox.left + bbox.width;
  const lowest = Math.min(...limits.map((limit) => limit.value));
  for (const { value, label, color } of limits) {
    const y = u.valToPos(value, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = ctx.fillStyle = css(color ?? "--s-orange");
    ctx.setLineDash([6 * r, 4 * r]);
    ctx.lineWidth = 1.5 * r;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.textAlign = "right";
    ctx.fillText(label, right - 4 * r, y + (value === lowest ? -15 : 4) * r);
    ctx.textAlign = "left";
  }
}

function peakOf(u, peak, color) {
  const { ctx, bbox } = u, r = ratio();
  const x = u.valToPos(peak.x, "x", true), y = u.valToPos(peak.y, "y", true);
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.fillStyle = css("--p-bg");
  ctx.strokeStyle = css(color);
  ctx.lineWidth = 2 * r;
  ctx.beginPath();
  ctx.arc(x, y, 4 * r, 0, 7);
  ctx.fill();
  ctx.stroke();
  const width = ctx.measureText(peak.label).width;
  const left = x + width + 12 * r > bbox.left + bbox.width ? x - width - 9 * r : x + 9 * r;
  plate(ctx, left - 3 * r, y - 9 * r, width + 6 * r, 17 * r, 0.85);
  ctx.fillStyle = css("--p-strong");
  ctx.fillText(peak.label, left, y - 6 * r);
}

export function marksPlugin({ marks = [], limits = [], peak, color }) {
  return { hooks: {
    drawClear: (u) => groundOf(u, marks, color),
    draw: (u) => {
      u.ctx.save();
      u.ctx.font = `500 ${11.5 * ratio()}px ${FONT}`;
      u.ctx.textBaseline = "top";
      u.ctx.textAlign = "left"; // uPlot leaves it centred
      labelsOf(u, marks);
      if (limits.length) limitsOf(u, limits);
      if (peak) peakOf(u, peak, color);
      u.ctx.restore();
    },
  } };
}

// An estimated bar is an outline filled with hatching: legible without colour, in print, for everyone.
// A bar that is still growing is the same colour, lighter. One that somebody typed has a dot at its foot.
export function barsPlugin({ estimated = [], edited = [], growing = null, color }) {
  const each = (u, index, draw) => {
    const value = u.data[1][index];
    if (value == null) return;
    const { ctx, bbox } = u, r = ratio();
    const step = u.data[0].length > 1 ? u.valToPos(u.data[0][1], "x", true) - u.valToPos(u.data[0][0], "x", true) : 40 * r;
    const width = Math.min(step * 0.72, 40 * r), x = u.valToPos(u.data[0][index], "x", true) - width / 2;
    const y = u.valToPos(value, "y", true), height = bbox.top + bbox.height - y;
    ctx.fillStyle = css("--p-bg");
    ctx.fillRect(x - 1, y - 1, width + 2, height + 1);
    draw(ctx, x, y, width, height, r);
  };
  return { hooks: { draw: (u) => {
    u.ctx.save();
    for (const index of estimated) {
      each(u, index, (ctx, x, y, width, height, r) => {
        ctx.fillStyle = hatch(ctx, css(color), 5);
        ctx.fillRect(x, y, width, height);
        ctx.strokeStyle = css(color);
        ctx.lineWidth = 1.5 * r;
        ctx.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
      });
    }
    if (growing !== null && !estimated.includes(growing)) {
      each(u, growing, (ctx, x, y, width, height) => {
        ctx.globalAlpha = 0.55;
        ctx.fillStyle = css(color);
        ctx.fillRect(x, y, width, height);
      });
    }
    for (const index of edited) {
      if (u.data[1][index] == null) continue;
      const { ctx, bbox } = u, r = ratio(), x = u.valToPos(u.data[0][index], "x", true), y = bbox.top + bbox.height - 7 * r;
      for (const [fill, radius] of [["--p-bg", 4.5], ["--p-text", 3]]) {
        ctx.fillStyle = css(fill);
        ctx.beginPath();
        ctx.arc(x, y, radius * r, 0, 7);
        ctx.fill();
      }
    }
    u.ctx.restore();
  } } };
}
