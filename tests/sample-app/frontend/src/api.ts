/** The backend's predictions, as its OpenAPI description states them. */
export interface Predictions {
  sentiment: { request: { text: string }; result: { label: string; score: number } };
  forecast: { request: { series: number[]; horizon: number }; result: { values: number[] } };
  anomaly: { request: { amounts: number[] }; result: { anomalies: number[] } };
  recommendation: {
    request: { holdings: Record<string, number> };
    result: { recommendations: { asset_class: string; missing: number }[] };
  };
}

export type Model = keyof Predictions;

/** How long an answer may take, in milliseconds. */
const TIMEOUT = 10_000;

export async function predict<M extends Model>(
  model: M,
  request: Predictions[M]["request"],
): Promise<Predictions[M]["result"]> {
  const response = await fetch(`/api/v1/${model}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(TIMEOUT),
  });
  if (!response.ok) {
    throw new Error(explain(response.status, await response.text()));
  }
  return (await response.json()) as Predictions[M]["result"];
}

/** What the backend says is wrong with a request: the fields that it names. */
function explain(status: number, body: string): string {
  if (status !== 422) {
    return `The service answered with status ${status.toString()}.`;
  }
  const { detail } = JSON.parse(body) as { detail: { loc: (string | number)[]; msg: string }[] };
  return detail.map(({ loc, msg }) => `${loc.slice(1).join(".")}: ${msg}`).join("; ");
}
