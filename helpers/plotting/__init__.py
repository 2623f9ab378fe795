"""Every figure of the series, in one visual identity.

Each function takes arrays or tables, returns a Matplotlib `Figure` that pyplot does not know (so no
notebook shows it twice), and never imports TensorFlow; `show` displays a figure with its
alternative text. A model keeps its colour and its marker in every figure. One file per topic;
`style`, `parts`, `mosaic` and `checks` hold what the topics share.
"""

# isort: off
# fmt: off
from helpers.plotting.architectures import architecture
from helpers.plotting.augmentation import (
    class_gains, distortions, gain_by_amount, gain_by_strength, memorised,
)
from helpers.plotting.classical import (
    class_templates, fit_and_prediction, oriented_gradients, validation_curves,
)
from helpers.plotting.comparing import ablation, accuracy_against, accuracy_bars, pareto_front
from helpers.plotting.comparing import seed_strips
from helpers.plotting.deployment import (
    changed_predictions, export_costs, photo_steps, strangeness,
)
from helpers.plotting.ensembling import (
    ambiguity, between_weights, cyclic_rate, ensemble_growth, error_correlation,
)
from helpers.plotting.exploration import (
    class_balance, embeddings,
)
from helpers.plotting.images import (
    class_samples, class_statistics, class_strip, image_grid, image_pairs, predictions,
)
from helpers.plotting.inside import (
    along_network, class_images, deletion, explanations, feature_maps, filters, neighbours,
    weight_images,
)
from helpers.plotting.judging import (
    class_accuracy, confusion, paired_tests, reliability,
)
from helpers.plotting.learning import generalisation_gap, learning_curves, learning_rate
from helpers.plotting.speed import (
    accuracy_over_time, achieved_rates, gains, seconds_per_epoch, speed_ratios,
)
from helpers.plotting.style import (
    CLASS_COLORS, FALLBACK_COLORS, IDENTITIES, color, display_name, marker, png, show,
    show_source,
)
from helpers.plotting.transfer import gain_by_labels, label_efficiency, pair_difficulty
from helpers.plotting.trust import (
    confidence, corruption_grid, risk_coverage, robustness, separation,
)
from helpers.plotting.tuning import (
    best_of_many, importance, search_progress, search_values, tuning_gains,
)
