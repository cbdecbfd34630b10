import { predict, type Model } from "./api.ts";
import { amounts, numbers } from "./input.ts";

const HORIZON = 5;

/** What each form asks, and how its answer reads. */
const answers: Record<Model, (input: string) => Promise<string>> = {
  sentiment: async (text) => {
    const { label, score } = await predict("sentiment", { text });
    return `${label} (${score.toFixed(2)})`;
  },
  forecast: async (text) => {
    const { values } = await predict("forecast", { series: numbers(text), horizon: HORIZON });
    return values.map((value) => value.toFixed(1)).join(", ");
  },
  anomaly: async (text) => {
    const asked = numbers(text);
    const { anomalies } = await predict("anomaly", { amounts: asked });
    return anomalies.length === 0 ? "none" : anomalies.map((place) => String(asked[place])).join(", ");
  },
  recommendation: async (text) => {
    const { recommendations } = await predict("recommendation", { holdings: amounts(text) });
    const parts = recommendations.map(({ asset_class, missing }) => `${asset_class} +${(missing * 100).toFixed(0)} %`);
    return parts.length === 0 ? "balanced" : parts.join(", ");
  },
};

for (const [model, answer] of Object.entries(answers)) {
  const form = document.querySelector<HTMLFormElement>(`form#${model}`);
  const input = form?.querySelector<HTMLInputElement | HTMLTextAreaElement>("[name=input]");
  const output = form?.querySelector("output");
  const button = form?.querySelector("button");
  if (!form || !input || !output || !button) {
    throw new Error(`index.html has no complete form for ${model}`);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    answer(input.value)
      .then(
        (text) => {
          output.textContent = text;
          output.classList.remove("failed");
        },
        (error: unknown) => {
          output.textContent = error instanceof Error ? error.message : String(error);
          output.classList.add("failed");
        },
      )
      .finally(() => {
        button.disabled = false;
      });
  });
}
