// The counters of every source: what arrived, and above all what did not.
import { duration, fixed, kMissing, number } from "/values.js";

const kLosses = new Set(["lost", "duplicate", "late", "dropped", "rejected"]);

export class Counters {
  constructor(body, pipeline, daemon) {
    this.body = body;
    this.pipeline = pipeline;
    this.daemon = daemon;
    this.rows = new Map();  // source -> column -> cell
  }

  update(status, unreadable) {
    for (const source of status.sources ?? []) {
      const offset = number(source.clock_offset_s);
      this.fill(source.name, {
        source: source.name,
        link: source.connected ? "live" : `silent ${duration(number(source.silence_s))}`,
        received: source.received,
        accepted: source.accepted,
        lost: source.lost,
        duplicate: source.duplicate,
        late: source.late,
        dropped: source.dropped_by_overflow,
        rejected: rejected(source.rejected ?? {}),
        queue: `${source.queue_depth} / ${source.queue_capacity}`,
        clock: Number.isFinite(offset)
          ? `${fixed(1000 * offset, 1)} ± ${fixed(1000 * number(source.clock_sigma_s), 1)}` : kMissing,
      }, source.connected);
    }
    this.pipeline.textContent = `processed ${status.processed} · up ${duration(number(status.uptime_s))}`;
    list(this.daemon, [
      ["frames without T", status.temperature_invalid], ["results dropped", status.publish_dropped],
      ["images skipped", status.display_dropped], ["commands failed", status.commands_failed],
      ["unreadable", unreadable],
    ]);
  }

  fill(name, values, connected) {
    const cells = this.rows.get(name) ?? this.addRow(name, Object.keys(values));
    for (const [column, value] of Object.entries(values)) {
      const cell = cells.get(column);
      cell.textContent = value;
      cell.classList.toggle("look", (kLosses.has(column) && !String(value).match(/^0$/)) || (column === "link" && !connected));
      cell.classList.toggle("good", column === "link" && connected);
    }
  }

  addRow(name, columns) {
    const row = this.body.insertRow();
    const cells = new Map();
    for (const column of columns) {
      const cell = row.insertCell();
      cell.dataset.testid = `counter-${name}-${column}`;
      cells.set(column, cell);
    }
    this.rows.set(name, cells);
    return cells;
  }
}

// "0", or "3 (size 2, schema 1)"
function rejected(reasons) {
  const counts = Object.entries(reasons).filter(([, count]) => number(count) > 0);
  if (counts.length === 0) return "0";
  const total = counts.reduce((sum, [, count]) => sum + number(count), 0);
  return `${total} (${counts.map(([name, count]) => `${name} ${count}`).join(", ")})`;
}

function list(element, entries) {
  element.replaceChildren(...entries.map(([label, count], index) => {
    const entry = document.createElement("span");
    entry.textContent = `${index ? " · " : ""}${label} ${count}`;
    entry.classList.toggle("look", number(count) > 0);
    return entry;
  }));
}
