"""nnU-Net's trainer with STU-Net inside.

nnU-Net finds this file through the environment variable `nnUNet_extTrainer`, which names its folder. The
options stand in the plan, under "stunet" of the configuration, so that they are at hand for prediction too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from torch import nn

from segae.jobs.child import tell_progress
from segae_trainer.pseudo_labels.options import SIZES, FineTuning
from segae_trainer.pseudo_labels.stunet import STUNet, fit_strides, load_weights


def options_of(configuration: ConfigurationManager) -> FineTuning:
    """The options in a plan; the defaults where the plan has none."""
    content = configuration.configuration.get("stunet")
    return FineTuning() if content is None else FineTuning.from_json(content)


class SegAESTUNetTrainer(nnUNetTrainer):
    """STU-Net from given weights, without any mirroring, its weights kept after chosen epochs."""

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008 (nnU-Net's signature)
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.options = options_of(self.configuration_manager)
        self.initial_lr = self.options.learning_rate
        self.num_epochs = self.options.epochs
        self.num_iterations_per_epoch = self.options.iterations
        self.num_val_iterations_per_epoch = self.options.val_iterations
        self.save_every = self.options.save_every

    @staticmethod
    def build_network_architecture(
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        strides = fit_strides(configuration_manager.pool_op_kernel_sizes)
        size = SIZES[options_of(configuration_manager).size]
        network = STUNet(num_input_channels, num_output_channels, size, strides)
        network.decoder.deep_supervision = enable_deep_supervision
        return network

    def initialize(self) -> None:
        super().initialize()
        if self.options.weights is not None:
            load_weights(self._bare_network(), self.options.weights)
            self.print_to_log_file(f"Weights taken from {self.options.weights}")

    def _get_deep_supervision_scales(self) -> list[list[float]]:
        """Size of the target of every decoder stage, the finest first, as a part of the patch."""
        scales = [[1.0, 1.0, 1.0]]
        for stride in fit_strides(self.configuration_manager.pool_op_kernel_sizes)[:-1]:
            scales.append([before / step for before, step in zip(scales[-1], stride, strict=True)])
        return scales

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> Any:  # noqa: N802 (nnU-Net's)
        """nnU-Net's own but for mirroring: any reflection makes a left organ look like the right one."""
        rotation, flat, patch, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        self.inference_allowed_mirroring_axes = None
        return rotation, flat, patch, None

    def on_epoch_end(self) -> None:
        epoch = self.current_epoch + 1
        if epoch in self.options.kept_epochs and self.local_rank == 0:
            self._keep_weights(Path(str(self.output_folder)) / f"checkpoint_epoch_{epoch:04d}.pth")
        super().on_epoch_end()
        if self.local_rank == 0:
            tell_progress("fine-tuning", epoch, self.num_epochs)

    def save_checkpoint(self, filename: str) -> None:
        """nnU-Net's own, but a training that is killed meanwhile leaves the former checkpoint in place."""
        part = Path(f"{filename}.part")
        super().save_checkpoint(str(part))
        if part.exists():  # only one of several processes writes
            part.replace(filename)

    def perform_actual_validation(self, save_probabilities: bool = False) -> None:
        """Left out: every kept checkpoint predicts every scan afterwards."""

    def _keep_weights(self, path: Path) -> None:
        """What nnU-Net's predictor asks for, without the optimiser."""
        part = path.with_suffix(".part")
        torch.save(
            {
                "network_weights": self._bare_network().state_dict(),
                "trainer_name": type(self).__name__,
                "init_args": {"configuration": self.configuration_name},
                "inference_allowed_mirroring_axes": None,
            },
            part,
        )
        part.replace(path)

    def _bare_network(self) -> nn.Module:
        """The network without the wrappers of several GPUs and of compilation."""
        network: Any = getattr(self.network, "module", self.network)
        return getattr(network, "_orig_mod", network)
